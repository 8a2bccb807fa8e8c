import { insteadOfCategory } from './category.js';

it.each([
  [['llm_call', 'exports'], 'one of llm_call, exports, or add it to categories'],
  [[], 'it in categories, which is empty'],
])('instead of a name that is none of the categories %j, an error says: write %s', (categories, remedy) => {
  expect(insteadOfCategory(categories)).toBe(remedy);
});
