import type { Container } from '@gpulab/contract'
import { eventually, type Service, startService } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnCli } from './src/spawn-cli.ts'
import { startSystem, type System } from './src/start-system.ts'

/** On its own loopback: at 4001 an echo until the client ends, at 4002 one word, at 4003 a reset. */
const server = String.raw`
use IO::Socket::INET;
sub serve {
  my ($port, $answer) = @_;
  return if fork;
  $SIG{CHLD} = 'IGNORE';
  my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128, ReuseAddr => 1) or die;
  while (1) {
    my $client = $listener->accept or next;
    if (fork) { close $client; next }
    binmode $client;
    $answer->($client);
    exit 0;
  }
}
serve(4001, sub { my $c = shift; my $buffer; while (sysread($c, $buffer, 65536)) { my $at = 0; while ($at < length $buffer) { $at += syswrite($c, $buffer, length($buffer) - $at, $at) } } });
serve(4002, sub { my $c = shift; syswrite($c, 'early'); shutdown($c, 1); my ($b, $n); while (sysread($c, $b, 65536)) { $n += length $b } print "heard $n\n"; });
serve(4003, sub { my $c = shift; syswrite($c, 'half'); select(undef, undef, undef, 0.3); setsockopt($c, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)); });
$| = 1; print "ready\n"; sleep 3600 while 1;
`

let system: System
let container: Container

beforeAll(async () => {
  system = await startSystem()
  container = await system.json<Container>(
    'deploy',
    '--name',
    'served',
    '--template',
    'ubuntu-22.04',
    '--memory',
    '1',
    '--wait',
    '--command',
    `exec perl -MSocket=:all -e '${server.replaceAll("'", `'"'"'`)}'`,
  )
  const ready = await system.gpulab(['wait', 'served', '--for', 'port:4003', '--timeout', '30s'])
  if (ready.code !== 0) throw new Error(ready.stderr)
})
afterAll(() => system?.[Symbol.asyncDispose]())

let forwards = 0
async function forward(...ports: string[]): Promise<{ local: number[]; service: Service }> {
  const log = join(system.dir, `forward-${++forwards}.log`)
  const service = startService(
    system.cli.program,
    ['port-forward', '--json', 'served', ...ports],
    system.cli.env,
    log,
  )
  const local = await eventually(async () => {
    const lines = service.log().trim().split('\n')
    expect(lines).toHaveLength(ports.length)
    return lines.map((line) => (JSON.parse(line) as { local_port: number }).local_port)
  })
  return { local, service }
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  // Told to whoever reads.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function readAll(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of socket.iterator({ destroyOnReturn: false })) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

describe('a forwarded port', () => {
  it('carries bytes exactly, each way until its own end, many connections at once', async () => {
    const { local, service } = await forward('4001:0')
    await using _ = { [Symbol.asyncDispose]: () => service.stop() }
    const contents = [
      randomBytes(8 << 20),
      ...Array.from({ length: 60 }, (_, index) => randomBytes(index * 500)),
    ]
    const echoes = await Promise.all(
      contents.map(async (content) => {
        const socket = await dial(local[0] ?? 0)
        socket.end(content)
        return readAll(socket)
      }),
    )
    expect(echoes.every((echo, index) => echo.equals(contents[index] as Buffer))).toBe(true)
  })

  it('may be ended by the container first, which hears the rest', async () => {
    const { local, service } = await forward('4002:0')
    await using _ = { [Symbol.asyncDispose]: () => service.stop() }
    const socket = await dial(local[0] ?? 0)
    expect((await readAll(socket)).toString()).toBe('early')
    socket.end(Buffer.alloc(100_000))
    await eventually(async () => {
      const { stdout } = await system.gpulab(['logs', 'served'])
      expect(stdout).toContain('heard 100000')
    })
  })

  it('that is reset in the container is reset here', async () => {
    const { local, service } = await forward('4003:0')
    await using _ = { [Symbol.asyncDispose]: () => service.stop() }
    const socket = await dial(local[0] ?? 0)
    await expect(readAll(socket)).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('on which nothing listens says so, and goes on', async () => {
    const { local, service } = await forward('4009:0', '4001:0')
    await using _ = { [Symbol.asyncDispose]: () => service.stop() }
    const socket = await dial(local[0] ?? 0)
    await expect(readAll(socket)).rejects.toMatchObject({ code: 'ECONNRESET' })
    await eventually(() =>
      expect(service.log()).toContain('port 4009: Nothing in the container answers on port 4009.'),
    )
    const other = await dial(local[1] ?? 0)
    other.end('still')
    expect((await readAll(other)).toString()).toBe('still')
  })

  it('ends with the container, and with Ctrl-C', async () => {
    const forwarding = spawnCli(system, ['port-forward', 'served', '4001:0'])
    await eventually(() => expect(forwarding.stdout().toString()).toContain('leads to port 4001'), {
      timeoutMs: 30_000,
    })
    forwarding.child.kill('SIGINT')
    expect(await forwarding.ended).toBe(130)
    const taken = await forward('4001:0')
    await using _ = { [Symbol.asyncDispose]: () => taken.service.stop() }
    const again = await system.gpulab(['port-forward', 'served', `4001:${taken.local[0]}`])
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is taken') as string })
    const { code } = await system.gpulab(['rm', container.uuid, '--force'])
    expect(code).toBe(0)
    await eventually(
      async () => {
        await dial(taken.local[0] ?? 0).catch(() => {})
        expect(taken.service.log()).toContain('"container_not_found"')
      },
      { timeoutMs: 30_000 },
    )
  })
})
