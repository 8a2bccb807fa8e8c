import { checkNames, optionProblems } from './option-names.js';

describe('an option that does not exist', () => {
  const NAMES = ['threshold', 'until', 'by'];

  it.each<[object, string[]]>([
    [{ threshold: 1, until: 2 }, []],
    [{}, []],
    [{ untill: 2 }, ['untill is not an option: write until']],
    [{ untill: undefined }, ['untill is not an option: write until']],
    [
      { a: 1, treshold: 1, by: 'x' },
      ['a is not an option: write one of threshold, until, by', 'treshold is not an option: write threshold'],
    ],
    [{ constructor: 1 }, ['constructor is not an option: write one of threshold, until, by']],
    [JSON.parse('{ "__proto__": 1 }') as object, ['__proto__ is not an option: write one of threshold, until, by']],
    [{ [Symbol('by')]: 1 }, ['Symbol(by) is not an option: write one of threshold, until, by']],
    [Object.defineProperty({}, 'hidden', {}), ['hidden is not an option: write one of threshold, until, by']],
    [{ 'redis://:hunter2@db': 1 }, ['(an address) is not an option: write one of threshold, until, by']],
    [{ '\u200B': 1 }, ["'' is not an option: write one of threshold, until, by"]],
    [Object.create(null) as object, []],
  ])('is named, with the one to write instead: %p', (given, problems) => {
    expect(optionProblems(given, NAMES)).toEqual(problems);
  });

  it('is one of the first ten that are named, because an object that was never meant as options may have very many', () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`field${i}`, i]));
    expect(optionProblems(many, NAMES)).toHaveLength(10);
  });

  it('is reported with the function that it was given to', () => {
    expect(optionProblems({ cots: 1 }, ['cost'], 'record()')).toEqual([
      'cots is not an option of record(): write cost',
    ]);
  });

  it('is replaced by the only one there is', () => {
    expect(optionProblems({ tokens: 1 }, ['cost'])).toEqual(['tokens is not an option: write cost']);
  });

  it('is to be left out if there are no options', () => {
    expect(optionProblems({ channel: 1 }, [])).toEqual(['channel is not an option: leave it out']);
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [3, 'a number'],
    [[], 'a list'],
    [() => 1, 'a function'],
    [new Date(), 'an object (Date)'],
  ])('is not looked for in %p', (given, kind) => {
    expect(optionProblems(given, NAMES)).toEqual([
      `the options are ${kind}: write an object with threshold, until, by`,
    ]);
    expect(optionProblems(given, NAMES, 'record()')).toEqual([
      `the options of record() are ${kind}: write an object with threshold, until, by`,
    ]);
  });

  it('makes checkNames throw a TypeError', () => {
    expect(() => checkNames({ until: 1 }, NAMES)).not.toThrow();
    expect(() => checkNames({ untill: 1, a: 1 }, NAMES)).toThrow(new TypeError('untill is not an option: write until'));
  });
});
