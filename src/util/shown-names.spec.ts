import { idLabel, quoted, shownId } from './shown-names.js';

it.each([
  ['proj_1', 'proj_1'],
  ['a.b:c@d/e+f=g~h#i-1', 'a.b:c@d/e+f=g~h#i-1'],
  ['Müller東京', 'Müller東京'],
  // Could be read as part of the sentence.
  ['acme, every category', '"acme, every category"'],
  ["o'neill", `"o'neill"`],
  ['', '""'],
])('the id %j is written as %j', (id, label) => expect(idLabel(id, 40)).toBe(label));

it.each([
  ['control characters', 'acme\u202e', 'acme', '40'],
  ['a line break', 'a\nb', '"a b"', '40'],
  ['a double quote', 'say "no"', `"say 'no'"`, '40'],
  ['two single quotes, which look like one', "say ''no", `"say 'no"`, '40'],
  ['a letter that looks like a quote', 'a\u02bab', `"a'b"`, '40'],
  ['different quotes side by side', 'say "\u201cno', `"say 'no"`, '40'],
  ['more than fits', 'a'.repeat(20), `${'a'.repeat(9)}…`, '10'],
])('an id with %s is marked, because it may look like another one', (_, id, label, most) => {
  const labels = [id, `${id}x`].map((each) => idLabel(each, Number(most)));
  expect(labels[0]?.replace(/ \[altered #[0-9a-f]{6}\]$/, '')).toBe(label);
  expect(labels[0]).toMatch(/ \[altered #[0-9a-f]{6}\]$/);
  expect(labels[0]?.slice(-8)).not.toBe(labels[1]?.slice(-8));
});

it('a shortened id is quoted if the rest could pass for part of the sentence', () => {
  expect(idLabel('a, b, c, d, e, f', 10)).toMatch(/^"a, b, c, …" \[altered #/);
  // Only what was cut off ends in a mark that no plain id has.
  expect(idLabel('acme…x', 40)).toBe('"acme…x"');
});

it('an id that a service must escape is marked only if it did not fit', () => {
  const write = (text: string, most: number): string => text.replaceAll('_', '\\_').slice(0, most);
  expect(idLabel('a_b', 10, write)).toBe('a\\_b');
  expect(idLabel('a_b_c_d', 7, write)).toMatch(/^a\\_b\\_c \[altered #[0-9a-f]{6}\]$/);
});

it('an id outside sentences is never quoted, but marked in the same way', () => {
  expect(shownId('acme, "inc"', 40)).toBe('acme, "inc"');
  expect(shownId('acme\n', 40)).toBe(`acme ${idLabel('acme\n', 40).slice(5)}`);
  expect(shownId('\u200b', 40)).toMatch(/^\[altered #[0-9a-f]{6}\]$/);
  for (const id of ['acme\n', '\u200b']) expect(shownId(shownId(id, 40), 40)).not.toBe(shownId(id, 40));
});

it('a name cannot close its quotes, whatever they look like', () => {
  expect(quoted('Acme "Inc"', 40)).toBe(`"Acme 'Inc'"`);
  expect(quoted('\u201cAcme\u201d \u00abInc\u00bb \uff02x\uff02 \u{1F676}y', 40)).toBe(`"'Acme' 'Inc' 'x' 'y"`);
  expect(quoted("O'Neill''s `'x", 40)).toBe(`"O'Neill's 'x"`);
  expect(quoted('a`b', 40)).toBe('"a`b"');
  expect(quoted('a'.repeat(20), 10, (text, most) => text.slice(0, most))).toBe(`"${'a'.repeat(10)}"`);
});
