import type { Container } from '@gpulab/contract'
import { createRandom, eventually, run } from '@gpulab/testing'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { spawnCli } from './src/spawn-cli.ts'
import { testEngine } from './src/start-system.ts'
import { hashOf, useWorkshop, workshop } from './src/use-workshop.ts'

const shop = useWorkshop()

/** The engine's own name of a container. */
async function dockerIdOf(name: string): Promise<string> {
  const { uuid } = await shop.system.json<Container>('inspect', name)
  const own = (await shop.system.listOwn()).find(({ Labels }) => Labels['ai.gpulab.container'] === uuid)
  if (!own) throw new Error(`${name} is not there`)
  return own.Id
}

const docker = (...args: string[]): ChildProcessWithoutNullStreams =>
  spawn('docker', args, { env: { ...process.env, DOCKER_HOST: testEngine().dockerHost } })

/** Gives what comes on both streams to whoever runs it, and a code of its own: by place, whatever the chunks are. */
const splitter = String.raw`binmode STDIN; my ($at, $b) = (0, '');
while (my $n = sysread STDIN, $b, 40000) { my $i = 0;
  while ($i < $n) { my $block = int($at / 997); my $len = 997 - $at % 997; $len = $n - $i if $len > $n - $i;
    my $piece = substr $b, $i, $len; my $done = 0;
    $done += $block % 3 ? syswrite STDOUT, $piece, $len - $done, $done : syswrite STDERR, $piece, $len - $done, $done while $done < $len;
    $i += $len; $at += $len } } exit 42`

/** What it gives for the input. */
function split(input: Buffer): Got {
  const out: Buffer[] = []
  const err: Buffer[] = []
  for (let at = 0; at < input.length; at += 997)
    (at % (3 * 997) === 0 ? err : out).push(input.subarray(at, at + 997))
  return { code: 42, out: hashOf(Buffer.concat(out)), err: hashOf(Buffer.concat(err)) }
}

interface Got {
  readonly code: unknown
  readonly out: string
  readonly err: string
}

/** With input in chunks of any size, some of them late. */
async function feed(
  child: ChildProcessWithoutNullStreams,
  input: Buffer,
  random: () => number,
): Promise<Got> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const closed = once(child, 'close')
  for (let at = 0; at < input.length;) {
    const size = Math.ceil(2 ** (random() * 18))
    if (!child.stdin.write(input.subarray(at, at + size))) await once(child.stdin, 'drain')
    if (random() < 0.02) await new Promise((resolve) => setTimeout(resolve, 5))
    at += size
  }
  child.stdin.end()
  const [code] = (await closed) as [number | null]
  return { code, out: hashOf(Buffer.concat(out)), err: hashOf(Buffer.concat(err)) }
}

describe('random bytes in chunks of random sizes', () => {
  it.each([21, 22])('come back as docker exec gives them (%i)', async (seed) => {
    const random = createRandom(seed)
    const input = randomBytes(Math.floor(random() * (6 << 20)))
    const command = ['perl', '-e', splitter]
    const ours = spawnCli(shop.system, ['exec', '-i', workshop, '--', ...command])
    const got = await feed(ours.child, input, createRandom(seed + 100))
    expect(got).toEqual(split(input))
    const peer = docker('exec', '-i', await dockerIdOf(workshop), ...command)
    expect(got).toEqual(await feed(peer, input, createRandom(seed + 200)))
  })

  it.each([31, 32])('do so over connections that are cut at random points (%i)', async (seed) => {
    const random = createRandom(seed)
    const input = randomBytes(8 << 20)
    const command = ['perl', '-e', splitter]
    const direction = random() < 0.5 ? 'to-server' : 'to-client'
    shop.proxy.set({ kind: 'cut-after', bytes: Math.floor((0.6 + random()) * (1 << 20)), direction })
    const ours = spawnCli(shop.system, ['exec', '-i', workshop, '--', ...command], shop.proxied())
    const got = await feed(ours.child, input, createRandom(seed + 100))
    expect(got).toEqual(split(input))
  })
})

describe('a log', () => {
  it(
    'is what docker logs gives, over connections that are cut at random points',
    { timeout: 180_000 },
    async () => {
      const printer = String.raw`my $s = 7; sub r { $s = ($s * 1103515245 + 12345) % 2147483648; $s % shift }
$| = 1; for my $n (1 .. 6000) { my $line = $n . ' ' . chr(97 + r(26)) x (r(100) ? r(200) : r(60000)) . "\n";
print {r(3) ? *STDOUT : *STDERR} $line; select undef, undef, undef, 0.001 unless $n % 10 }`
      await shop.system.json<Container>(
        ...(['deploy', '--name', 'printer', '--template', 'ubuntu', '--memory', '1'] as const),
        ...([
          '--wait',
          '--restart',
          'no',
          '--command',
          `sleep 1; exec perl -e '${printer.replaceAll("'", `'"'"'`)}'`,
        ] as const),
      )
      const random = createRandom(5)
      const cli = spawnCli(shop.system, ['logs', 'printer', '--follow', '--tail', 'all'], shop.proxied())
      const over = cli.ended.then(() => true)
      for (let cuts = 0; cuts < 8; cuts++) {
        const target = cli.stdout().length + 2000 + random() * 40_000
        const more = eventually(() => expect(cli.stdout().length).toBeGreaterThan(target), {
          timeoutMs: 60_000,
        }).then(() => false)
        if (await Promise.race([over, more.catch(() => true)])) break
        shop.proxy.cut()
      }
      expect(await cli.ended).toBe(0)
      const { stdout, stderr } = await run('docker', ['logs', await dockerIdOf('printer')], {
        env: { DOCKER_HOST: testEngine().dockerHost },
      })
      expect(hashOf(cli.stdout())).toBe(hashOf(Buffer.from(stdout)))
      expect(cli.stderr()).toBe(stderr)
      await shop.system.gpulab(['rm', 'printer', '--force'])
    },
  )
})
