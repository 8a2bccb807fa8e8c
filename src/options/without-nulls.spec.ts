import { RateMonitorConfigError } from '../model/config-error.js';
import { withoutNulls } from './without-nulls.js';

const OPTIONS = ['categories', 'channels', 'enabled', 'redis', 'tenant', 'usage'];
const OF_CATEGORIES = ['threshold', 'windowMs'];
const read = (given: unknown): Record<string, unknown> =>
  withoutNulls(given as object, (name, path) => (path === '' ? OPTIONS : OF_CATEGORIES).includes(name)) as never;
const linesOf = (given: unknown): string[] => {
  try {
    read(given);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(RateMonitorConfigError);
    return (error as Error).message.split('\n  - ').slice(1);
  }
};
const fail = (): never => {
  throw new Error('not for you');
};

const ITSELF = 'cannot be read (it contains itself): write a plain value';

it.each<[object, object]>([
  [{}, {}],
  [
    { enabled: null, service: undefined, usage: false, keyPrefix: '', waitAtMostMs: 0 },
    { usage: false, keyPrefix: '', waitAtMostMs: 0 },
  ],
  [
    { usage: { retentionMs: null }, metrics: { tenants: 0 } },
    { usage: {}, metrics: { tenants: 0 } },
  ],
  [
    { categories: { a: { windows: [{ threshold: 1, period: null, levels: [{ at: 1, severity: null }] }] } } },
    { categories: { a: { windows: [{ threshold: 1, levels: [{ at: 1 }] }] } } },
  ],
  // Of lists, validation says what is wrong.
  [{ channels: [null, undefined] }, { channels: [null, undefined] }],
])('%j is %j', (given, options) => expect(read(given)).toStrictEqual(options));

it('a hole in a list is kept', () => {
  expect(read({ channels: Array(2) })).toStrictEqual({ channels: [undefined, undefined] });
});

it('options may be frozen, without a prototype, or of another realm', () => {
  const bare = (values: object): object => Object.assign(Object.create(null) as object, values);
  const foreign = structuredClone({ usage: { retentionMs: null, hourlyRetentionMs: 7 } });
  expect(Object.getPrototypeOf(foreign.usage)).not.toBe(Object.prototype);
  expect(read(foreign)).toStrictEqual({ usage: { hourlyRetentionMs: 7 } });
  expect(read(bare({ usage: bare({ retentionMs: null, x: 1 }) }))).toStrictEqual({ usage: { x: 1 } });
  expect(read(Object.freeze({ usage: Object.freeze({ retentionMs: null }) }))).toStrictEqual({ usage: {} });
});

it('the given options are not changed', () => {
  const given = { usage: { retentionMs: null }, channels: [] };
  const options = read(given);
  expect(given).toStrictEqual({ usage: { retentionMs: null }, channels: [] });
  expect(options.usage).not.toBe(given.usage);
});

describe('an instance of a class', () => {
  class Client {
    options = null;
  }

  it.each([
    ['redis', new Client()],
    ['store', new Client()],
    ['usage', new Date()],
    ['usage', new Map()],
    ['usage', Promise.resolve()],
    ['tenant', () => 'acme'],
  ])('as %s is not copied: %p', (option, value) => expect(read({ [option]: value })[option]).toBe(value));

  // A literal may have a state as well: `this.sent`.
  it.each([
    ['a client', new Client()],
    ['a literal', { sent: [], options: null, nested: { deep: null } }],
    ['a list', [null, { options: null }]],
  ])('is not copied as a channel, or in a wrong place: %s', (_what, value) => {
    expect((read({ channels: [value] }).channels as unknown[])[0]).toBe(value);
    for (const path of [
      'redis',
      's',
      'x.categories',
      'categories.a.redis',
      'categories.a.usage',
      'categories.a.windows.0.x',
      'usage.x',
      'categoriesx',
    ]) {
      const names = path.split('.');
      const given = names.reduceRight<unknown>((within, name) => (name === '0' ? [within] : { [name]: within }), value);
      const found = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], read(given));
      expect(found).toBe(value);
    }
    expect(value).not.toEqual({});
  });

  class Options {
    keyPrefix = null;
    waitAtMostMs = 5;
    get enabled(): boolean {
      return false;
    }
    get isProduction(): boolean {
      return fail();
    }
    get threshold(): number {
      return fail();
    }
    readonly #owner = 'acme';
    tenant(): string {
      return this.#owner;
    }
    close(): void {}
  }
  class Category {
    period = null;
    threshold = 1;
    get windowMs(): number {
      return 5_000;
    }
    get enabled(): boolean {
      return fail();
    }
  }

  it('has its options as fields, getters and methods; other members may be helpers', () => {
    const options = read(new Options());
    expect(options).toStrictEqual({ enabled: false, waitAtMostMs: 5, tenant: expect.any(Function) as unknown });
    // It is called alone, but may use what its object has.
    const { tenant } = options as unknown as Pick<Options, 'tenant'>;
    expect(tenant.call(undefined)).toBe('acme');
  });

  it('has the functions in its fields and getters unchanged', () => {
    const [resolver, skip] = [() => 'acme', () => true];
    class Given {
      tenant = resolver;
      get usage(): unknown {
        return skip;
      }
    }
    const { tenant, usage } = read(new Given());
    expect([tenant === resolver, usage === skip]).toEqual([true, true]);
  });

  it('has inherited options too, and its own win', () => {
    class Shared {
      get channels(): unknown {
        return [];
      }
      get usage(): unknown {
        return false;
      }
    }
    class Own extends Shared {
      override get usage(): unknown {
        return true;
      }
    }
    expect(read(new Own())).toStrictEqual({ channels: [], usage: true });
    expect(read(Object.defineProperty(new Own(), 'usage', { value: 5, enumerable: true }))).toMatchObject({ usage: 5 });
  });

  it.each<[string, object, (options: never) => unknown]>([
    ['a category', { categories: { a: new Category() } }, ({ categories: { a } }: { categories: { a: unknown } }) => a],
    [
      'a window',
      { categories: { a: { windows: [new Category()] } } },
      ({ categories: { a } }: { categories: { a: { windows: unknown[] } } }) => a.windows[0],
    ],
    [
      'a level of a window',
      { categories: { a_2: { windows: [{ levels: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, new Category()] }] } } },
      ({ categories }: { categories: { a_2: { windows: [{ levels: unknown[] }] } } }) =>
        categories.a_2.windows[0].levels[10],
    ],
    [
      'the eleventh window',
      { categories: { a: { windows: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, new Category()] } } },
      ({ categories: { a } }: { categories: { a: { windows: unknown[] } } }) => a.windows[10],
    ],
    [
      'a level',
      { categories: { a: { levels: [new Category()] } } },
      ({ categories: { a } }: { categories: { a: { levels: unknown[] } } }) => a.levels[0],
    ],
    ['usage', { usage: new Category() }, ({ usage }: { usage: unknown }) => usage],
    ['incidents', { incidents: new Category() }, ({ incidents }: { incidents: unknown }) => incidents],
    ['metrics', { metrics: new Category() }, ({ metrics }: { metrics: unknown }) => metrics],
  ])('may be %s', (_what, given, part) => {
    expect(part(read(given) as never)).toStrictEqual({ windowMs: 5_000, threshold: 1 });
  });

  it('may hold the categories', () => {
    class Categories {
      a = new Category();
      b = null;
    }
    expect(read({ categories: new Categories() })).toStrictEqual({
      categories: { a: { windowMs: 5_000, threshold: 1 } },
    });
  });
});

describe('a plain object', () => {
  const foreign = structuredClone({ redis: 1, usage: {} });

  it.each<[string, object, object]>([
    ['all of it', Object.create({ keyPrefix: 'x', usage: false }), { keyPrefix: 'x', usage: false }],
    ['over several', Object.create(Object.create({ usage: 1, x: null }) as object), { usage: 1 }],
    ['from one of another realm', Object.create(foreign), { redis: 1, usage: {} }],
    [
      'from one without a prototype',
      Object.create(Object.assign(Object.create(null) as object, { usage: 1 })),
      { usage: 1 },
    ],
    [
      'what its own does not replace',
      { __proto__: { usage: 1, redis: 2, x: 3 }, usage: null, x: 4 },
      { redis: 2, x: 4 },
    ],
    ['nested', { usage: Object.create({ x: 1 }) }, { usage: { x: 1 } }],
    [
      'categories',
      { categories: Object.create({ a: Object.create({ x: 1 }) as object }) },
      { categories: { a: { x: 1 } } },
    ],
    [
      'from an instance',
      Object.create({
        __proto__: new (class {
          usage = 1;
        })(),
      }),
      { usage: 1 },
    ],
  ])('inherits: %s', (_what, given, options) => expect(read(given)).toStrictEqual(options));

  it('ignores what every object inherits', () => {
    const polluted = ['enabled', 'x'];
    const every = Object.prototype as Record<string, unknown>;
    for (const name of polluted) every[name] = 1;
    try {
      expect(Object.keys(read({ usage: {} }))).toEqual(['usage']);
      expect(Object.keys(read({ usage: {} }).usage as object)).toEqual([]);
      expect(Object.keys(read(new (class {})()))).toEqual([]);
    } finally {
      for (const name of polluted) delete every[name];
    }
  });

  it('has its getters read once', () => {
    let reads = 0;
    class Options {
      get usage(): number {
        return ++reads;
      }
    }
    class More extends Options {
      override get usage(): number {
        return super.usage;
      }
    }
    expect(read(new More())).toStrictEqual({ usage: 1 });
  });
});

describe('what cannot be read', () => {
  const throwing = (name: string, of: object = {}): object =>
    Object.defineProperty(of, name, { enumerable: true, get: fail });
  const revoked = (): object => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  class Settings {
    get enabled(): boolean {
      return fail();
    }
  }

  it.each<[string, object, string]>([
    ['a getter that throws', throwing('usage'), 'usage cannot be read (not for you)'],
    ['a getter of the class', new Settings(), 'enabled cannot be read (not for you)'],
    ['a getter deep within', { categories: { a: throwing('x') } }, 'categories.a.x cannot be read (not for you)'],
    [
      'a getter of an instance within',
      { usage: throwing('x', new Settings()) },
      'usage.x cannot be read (not for you)',
    ],
    [
      'in a list',
      { categories: { a: { windows: [1, throwing('x')] } } },
      'categories.a.windows[1].x cannot be read (not for you)',
    ],
    ['of a name in two lines', throwing('a\nb'), 'a b cannot be read (not for you)'],
    ['of a long name', throwing('x'.repeat(50)), `${'x'.repeat(39)}… cannot be read (not for you)`],
    ['a revoked proxy', { redis: revoked() }, expect.stringMatching(/^redis cannot be read \(.*revoked\)/) as string],
    [
      'a revoked proxy in a list',
      { channels: [1, revoked()] },
      expect.stringMatching(/^channels\[1\] cannot be read \(.*revoked\)/) as string,
    ],
    ['all of it', revoked(), expect.stringMatching(/^the options cannot be read \(.*revoked\)/) as string],
  ])('%s is named', (_what, given, line) => {
    expect(linesOf(given)).toEqual([typeof line === 'string' ? `${line}: write a plain value` : line]);
  });

  it('is named in a literal without options, but not looked for in an instance', () => {
    expect(linesOf({ redis: throwing('x', Object.create(null) as object) })).toEqual([
      'redis.x cannot be read (not for you): write a plain value',
    ]);
    expect(linesOf({ channels: [throwing('x')] })).toEqual([
      'channels[0].x cannot be read (not for you): write a plain value',
    ]);
    expect(linesOf({ redis: throwing('x', new Settings()), channels: [throwing('x', new Settings())] })).toEqual([]);
  });

  it('is reported all at once', () => {
    const given = throwing('redis', { usage: throwing('x'), channels: [throwing('y')], enabled: true });
    expect(linesOf(given).map((line) => line.split(' ')[0])).toEqual(['usage.x', 'channels[0].y', 'redis']);
  });

  it('includes what contains itself', () => {
    const given: Record<string, unknown> = {};
    const a = { levels: [] as unknown[], windows: [given] };
    a.levels.push(a);
    Object.assign(given, { usage: given, categories: { a } });
    expect(linesOf(given)).toEqual([
      `usage ${ITSELF}`,
      `categories.a.levels[0] ${ITSELF}`,
      `categories.a.windows[0] ${ITSELF}`,
    ]);
  });

  it('does not include a literal without options that contains itself or is deep', () => {
    const channel: Record<string, unknown> = { sent: [] };
    Object.assign(channel, { self: channel });
    (channel.sent as unknown[]).push(channel.sent, channel);
    let made = 0;
    const endless = (): object => ({
      get next(): object {
        return ++made < 1_000 ? endless() : fail();
      },
    });
    const given = { channels: [channel], store: endless() };
    expect(read(given).channels).toStrictEqual([channel]);
    expect(made).toBe(10);
  });

  it('does not include what appears twice', () => {
    const level = { at: 1 };
    expect(linesOf({ categories: { a: { levels: [level, level] }, b: { levels: [level] } } })).toEqual([]);
  });
});
