import type { BlindTime } from '../model/blind-time.js';
import { MemorySharedState } from '../store/memory/memory-shared-state.js';
import { BlindTimes } from './blind-times.js';

const START = 1_000_000;

/** Replicas of one app and the store that they share, in a time that a test moves second by second. */
class Scene {
  now = START;
  readonly state = new MemorySharedState();
  readonly told: BlindTime[] = [];
  readonly replicas: { blind: BlindTimes; status: { blindSince?: number; counted: number; lost: number } }[] = [];

  replica(): number {
    const instance = `i${this.replicas.length}`;
    const status: { blindSince?: number; counted: number; lost: number } = { counted: 0, lost: 0 };
    const settings = {
      instance,
      host: `host-${instance}`,
      pid: 1,
      scope: 'api',
      blindAfterMs: 30_000,
      state: this.state,
    };
    const blind = new BlindTimes(
      { ...settings, now: () => this.now, status: () => status, tell: async (time) => this.told.push(time) },
      { warn: () => undefined },
    );
    return this.replicas.push({ blind, status }) - 1;
  }

  /** Lets replicas look once a second; each counts so much in each. */
  async pass(seconds: number, perSecond = 0): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      this.now += 1_000;
      for (const { status } of this.replicas) status.counted += perSecond;
      await Promise.all(this.replicas.map(({ blind }) => blind.look()));
    }
  }

  leave(...which: number[]): void {
    for (const i of which) (this.replicas[i] as (typeof this.replicas)[0]).status.blindSince = this.now;
  }

  back(...which: number[]): void {
    for (const i of which) delete (this.replicas[i] as (typeof this.replicas)[0]).status.blindSince;
  }
}

/** One replica that was blind for long enough to be told of, and is back. */
async function afterABlindTime(): Promise<Scene> {
  const scene = new Scene();
  scene.replica();
  await scene.pass(1);
  scene.leave(0);
  await scene.pass(31);
  scene.back(0);
  await scene.pass(4);
  return scene;
}

describe('a time without the store', () => {
  it('is reported once for all replicas, with what each counted and lost', async () => {
    const scene = new Scene();
    const [one, two] = [scene.replica(), scene.replica()];
    await scene.pass(3, 5);
    scene.leave(one);
    await scene.pass(2, 5);
    scene.leave(two);
    await scene.pass(40, 5);
    scene.back(one, two);
    (scene.replicas[two] as (typeof scene.replicas)[0]).status.lost = 7;
    await scene.pass(20);
    expect(scene.told).toHaveLength(1);
    const [told] = scene.told;
    expect([told?.from, told?.to]).toEqual([new Date(START + 3_000), new Date(START + 46_000)]);
    expect(told?.instances.map(({ host, counted, lost }) => [host, counted, lost])).toEqual([
      ['host-i1', 40 * 5, 7],
      ['host-i0', 42 * 5, 0],
    ]);
    await scene.pass(60);
    expect(scene.told).toHaveLength(1);
    expect(await (scene.replicas[one] as (typeof scene.replicas)[0]).blind.between(START, scene.now)).toHaveLength(1);
  });

  it('is not reported if it was short, and is one if its gaps are short', async () => {
    const scene = new Scene();
    const one = scene.replica();
    await scene.pass(1);
    scene.leave(one);
    await scene.pass(20);
    scene.back(one);
    await scene.pass(20);
    expect(scene.told).toEqual([]);
    const left = scene.now;
    for (let i = 0; i < 4; i++) {
      scene.leave(one);
      await scene.pass(9);
      scene.back(one);
      await scene.pass(1);
    }
    await scene.pass(20);
    expect(scene.told.map(({ from }) => from.getTime())).toEqual([left]);
  });

  it('excludes the time in which the process was suspended: the network may return a little later', async () => {
    const scene = new Scene();
    const one = scene.replica();
    await scene.pass(1);
    scene.leave(one);
    await scene.pass(2);
    scene.now += 3_600_000;
    scene.back(one);
    await scene.pass(20);
    expect(scene.told).toEqual([]);
    scene.leave(one);
    await scene.pass(2);
    scene.now += 3_600_000;
    await scene.pass(32);
    scene.back(one);
    await scene.pass(20);
    expect(scene.told.map(({ from, to }) => (to.getTime() - from.getTime()) / 1_000)).toEqual([34]);
  });

  it('is reported by another replica if the first reporter has ended', async () => {
    const scene = await afterABlindTime();
    // It ends before it has heard of the others, and another one starts.
    scene.replicas.length = 0;
    scene.replica();
    await scene.pass(10);
    expect(scene.told).toHaveLength(1);
  });

  it('is reported a second time only if an instance was blind for much longer than reported', async () => {
    const scene = new Scene();
    const [one, two, three] = [scene.replica(), scene.replica(), scene.replica()];
    await scene.pass(1);
    scene.leave(one, two, three);
    await scene.pass(40);
    scene.back(one);
    await scene.pass(15);
    scene.back(two);
    await scene.pass(15);
    expect(scene.told).toHaveLength(1);
    await scene.pass(60);
    scene.back(three);
    await scene.pass(15);
    expect(scene.told.map(({ instances }) => instances.map(({ host }) => host))).toEqual([['host-i0'], ['host-i2']]);
  });

  it('is reported once the store is back, if it was away again', async () => {
    const scene = new Scene();
    const one = scene.replica();
    await scene.pass(1);
    scene.leave(one);
    await scene.pass(31);
    scene.back(one);
    const { swap } = scene.state;
    scene.state.swap = () => Promise.reject(new Error('away'));
    await expect(scene.pass(3)).rejects.toThrow('away');
    scene.state.swap = swap.bind(scene.state);
    await scene.pass(10);
    expect(scene.told).toHaveLength(1);
  });

  it.each([
    ...['instance', 'host'].map((field) => ({ [field]: 7 })),
    ...['pid', 'from', 'to', 'counted', 'lost', 'writtenAt', 'isTold'].map((field) => ({ [field]: 'many' })),
    { from: 1e300 },
    { to: undefined },
  ])('is reported despite a malformed stored report, with %j', async (wrong) => {
    const scene = await afterABlindTime();
    const [[id, text]] = [...(await scene.state.list('blind:api'))] as [[string, string]];
    const record = JSON.stringify({ ...(JSON.parse(text) as object), host: 'malformed', ...wrong });
    await scene.state.swap('blind:api', `${id}2`, undefined, record);
    await scene.pass(10);
    const hosts = (times: readonly BlindTime[]) => times.map(({ instances }) => instances.map(({ host }) => host));
    expect(hosts(scene.told)).toEqual([['host-i0']]);
    const [{ blind }] = scene.replicas as [(typeof scene.replicas)[0]];
    expect(hosts(await blind.between(0, scene.now))).toEqual([['host-i0']]);
  });
});
