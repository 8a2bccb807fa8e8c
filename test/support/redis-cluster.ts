import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Cluster, Redis, type ClusterOptions } from 'ioredis';

import { RedisServer } from './redis-server.js';
import { until } from './until.js';

const SLOTS = 16_384;
/**
 * How long a node may be silent until others take it for dead: little while they find each other, much otherwise, since the machine may be
 * busy. If one is killed, so long that it is away for over a second for every client: with 800 ms, its replica may take over in less.
 */
const NODE_TIMEOUT_MS = { soon: 800, killed: 2_000, late: 15_000 };

interface Node {
  readonly server: RedisServer;
  readonly admin: Redis;
  readonly configFile: string;
  readonly id: string;
}

/** Masters that share the slots, each with a replica. */
export class RedisCluster {
  private constructor(
    private readonly nodes: readonly Node[],
    private readonly mastersCount: number,
  ) {}

  static async start(masters = 3): Promise<RedisCluster> {
    const started = await Promise.allSettled(Array.from({ length: 2 * masters }, startNode));
    const running = started.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []));
    const cluster = new RedisCluster(running, masters);
    try {
      for (const node of started) if (node.status === 'rejected') throw node.reason;
      await cluster.form();
      await cluster.giveUpNodesAfter(NODE_TIMEOUT_MS.late);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  client(options: ClusterOptions = {}): Cluster {
    const nodes = this.nodes.map(({ server: { port } }) => ({ host: '127.0.0.1', port }));
    const cluster = new Cluster(nodes, { lazyConnect: true, ...options });
    cluster.on('error', () => undefined);
    return cluster;
  }

  /** Asks each node, replicas too. */
  each<T>(ask: (node: Redis) => Promise<T>): Promise<T[]> {
    return Promise.all(this.nodes.map(({ admin }) => ask(admin)));
  }

  /** The port of one of the masters. */
  get port(): number {
    return (this.masters[0] as Node).server.port;
  }

  /** Kills the master that holds `key`. */
  async killMasterOf(key: string): Promise<void> {
    await this.giveUpNodesAfter(NODE_TIMEOUT_MS.killed);
    await this.holding(await this.slotOf(key)).server.kill();
  }

  /** Resolves when `key` can be written again. */
  async writable(key: string): Promise<void> {
    const client = this.client();
    await until(() =>
      client
        .persist(key)
        .then(() => true)
        .catch(() => false),
    );
    client.disconnect();
  }

  /** Starts moving the slot of `key` to another master: both redirect, first for none of its keys, then for all. */
  async beginMove(key: string): Promise<{ end(): Promise<void> }> {
    const slot = await this.slotOf(key);
    const from = this.holding(slot);
    const to = this.masters.find((node) => node !== from) as Node;
    await to.admin.cluster('SETSLOT', slot, 'IMPORTING', from.id);
    await from.admin.cluster('SETSLOT', slot, 'MIGRATING', to.id);
    const end = async (): Promise<void> => {
      for (const { admin } of [to, from]) await admin.cluster('SETSLOT', slot, 'NODE', to.id);
    };
    const keys = await from.admin.cluster('GETKEYSINSLOT', slot, 1_000);
    if (keys.length > 0) await from.admin.migrate('127.0.0.1', to.server.port, '', 0, 1_000, 'KEYS', ...keys);
    return { end };
  }

  async stop(): Promise<void> {
    for (const { admin, server, configFile } of this.nodes) {
      admin.disconnect();
      await server.kill();
      await rm(configFile, { force: true });
    }
  }

  private async giveUpNodesAfter(ms: number): Promise<void> {
    await this.each((node) => node.config('SET', 'cluster-node-timeout', ms));
  }

  private get masters(): readonly Node[] {
    return this.nodes.slice(0, this.mastersCount);
  }

  private async slotOf(key: string): Promise<number> {
    return Number(await (this.nodes[0] as Node).admin.cluster('KEYSLOT', key));
  }

  private holding(slot: number): Node {
    return this.masters[Math.floor((slot * this.mastersCount) / SLOTS)] as Node;
  }

  private async form(): Promise<void> {
    const [first, ...others] = this.nodes as [Node, ...Node[]];
    for (const [i, { admin }] of this.nodes.entries()) await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    for (const { server } of others) await first.admin.cluster('MEET', '127.0.0.1', server.port);
    for (const [i, { admin }] of this.masters.entries()) {
      const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
      await admin.cluster('ADDSLOTS', ...slots.filter((slot) => Math.floor((slot * this.mastersCount) / SLOTS) === i));
    }
    await this.all(async ({ admin }) => knownTo(await nodesOf(admin)) === this.nodes.length);
    for (const [i, { id }] of this.masters.entries()) {
      await (this.nodes[this.mastersCount + i] as Node).admin.cluster('REPLICATE', id);
    }
    await this.all(async ({ admin }) => {
      const replicas = (await nodesOf(admin)).match(/\bslave /g)?.length;
      return replicas === this.mastersCount && (await admin.cluster('INFO')).includes('cluster_state:ok');
    });
    for (const { admin } of this.nodes.slice(this.mastersCount)) {
      await until(async () => (await admin.info('replication')).includes('master_link_status:up'));
    }
  }

  private async all(holds: (node: Node) => Promise<boolean>): Promise<void> {
    for (const node of this.nodes) await until(() => holds(node));
  }
}

async function startNode(): Promise<Node> {
  const configFile = join(tmpdir(), `nodes-${randomUUID()}.conf`);
  const own = ['--cluster-enabled', 'yes', '--cluster-config-file', configFile];
  const server = await RedisServer.start(
    ...own,
    '--cluster-node-timeout',
    `${NODE_TIMEOUT_MS.soon}`,
    '--repl-diskless-sync-delay',
    '0',
  );
  const admin = new Redis({ port: server.port });
  admin.on('error', () => undefined);
  return { server, admin, configFile, id: String(await admin.cluster('MYID')) };
}

/** Nodes after their handshake. */
function knownTo(nodes: string): number {
  return nodes.split('\n').filter((line) => line !== '' && !line.includes('handshake')).length;
}

async function nodesOf(admin: Redis): Promise<string> {
  return (await admin.cluster('NODES')) as string;
}
