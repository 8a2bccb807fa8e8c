import { marksOf, MonitorRate } from './monitor-rate.decorator.js';

describe('MonitorRate', () => {
  it('treats null in its options as not given', () => {
    const after = (): number => 1;
    class Handlers {
      @MonitorRate('llm_call', { cost: null, after: null, when: null } as never)
      before(): void {}

      @MonitorRate('llm_call', { cost: null, after, when: null } as never)
      after(): void {}
    }
    const handlers = Object.getOwnPropertyDescriptors(Handlers.prototype);
    const marks = [handlers.before, handlers.after].flatMap(({ value }) => marksOf(value as object, Handlers));
    expect(marks).toMatchObject([
      { cost: 1, after: undefined, when: undefined },
      { cost: 1, after, when: 'success' },
    ]);
  });
});
