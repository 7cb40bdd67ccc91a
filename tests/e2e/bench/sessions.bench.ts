import { run } from '@gpulab/testing'
import { readFileSync } from 'node:fs'
import { it } from 'vitest'
import { type Comparison, compare, describeComparison, header, median, quantile, timeOf } from './measure.ts'
import { openPty, type Pty } from '../src/open-pty.ts'
import { type Bench, dockerExec, openBench } from './open-bench.ts'

const bytes = 256 * 2 ** 20
const calls = 64
const workers = 8

it('sessions beside docker', { timeout: 600_000 }, async () => {
  await using bench = await openBench()
  const rows: string[] = []
  for (const comparison of [benchParallelExec, benchOutput, benchInput, benchPrompt, benchEcho]) {
    const found = await comparison(bench)
    rows.push(describeComparison(found))
    if (comparison === benchParallelExec)
      rows.push(`${''.padEnd(4)}a second: ${((1000 * calls) / median(found.ours)).toFixed(0)}`)
  }
  rows.push(await benchInterrupt(bench), await measureTerminals(bench))
  process.stdout.write(`
${header}
${rows.join('\n')}

Milliseconds; runs in turn on one machine. "over" and "ratio" are medians of the pairs. docker: the Engine's API for
commands at once, the docker command for the rest.
`)
})

async function benchParallelExec({ client, uuid, system, dockerId }: Bench): Promise<Comparison> {
  return compare(`${calls} execs of true, ${workers} at a time`, 5, {
    ours: () =>
      timeOf(() => atOnce(() => client.exec.run({ params: { uuid }, body: { command: ['true'] } }))),
    peer: () => timeOf(() => atOnce(() => dockerExec(system.docker, dockerId))),
  })
}

async function atOnce(call: () => Promise<unknown>): Promise<void> {
  let left = calls
  const work = async (): Promise<void> => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: workers }, work))
}

async function benchOutput({ uuid, system, dockerId }: Bench): Promise<Comparison> {
  const produce = `head -c ${bytes} /dev/zero`
  return compare('256 MiB of output', 5, {
    ours: () => timeOf(() => shell(`"$GPULAB" exec ${uuid} -- ${produce} > /dev/null`, system)),
    peer: () => timeOf(() => shell(`docker exec ${dockerId} ${produce} > /dev/null`, system)),
  })
}

async function benchInput({ uuid, system, dockerId }: Bench): Promise<Comparison> {
  const produce = `head -c ${bytes} /dev/zero`
  const consume = `sh -c 'cat > /dev/null'`
  return compare('256 MiB of input', 5, {
    ours: () => timeOf(() => shell(`${produce} | "$GPULAB" exec -i ${uuid} -- ${consume}`, system)),
    peer: () => timeOf(() => shell(`${produce} | docker exec -i ${dockerId} ${consume}`, system)),
  })
}

async function benchPrompt({ uuid, system, dockerId }: Bench): Promise<Comparison> {
  const prompt = (command: string) =>
    timeOf(async () => {
      const pty = openPty(system, command)
      await untilShown(pty, 'READY')
      pty.process.kill('SIGKILL')
    })
  return compare('first prompt, whole process', 8, {
    ours: () => prompt(`gpulab exec -it ${uuid} -- sh -c 'printf READY; cat'`),
    peer: () => prompt(`docker exec -it ${dockerId} sh -c 'printf READY; cat'`),
  })
}

async function benchEcho({ uuid, system, dockerId }: Bench): Promise<Comparison> {
  const open = async (command: string): Promise<() => Promise<number>> => {
    const pty = openPty(system, command)
    await untilShown(pty, 'READY')
    let key = 0
    return () => {
      const text = String.fromCodePoint(0x61 + (key++ % 26))
      return timeOf(() => {
        const shown = untilShown(pty, text)
        pty.type(text)
        return shown
      })
    }
  }
  return compare('echo of a key', 200, {
    ours: await open(`gpulab exec -it ${uuid} -- sh -c 'printf READY; cat'`),
    peer: await open(`docker exec -it ${dockerId} sh -c 'printf READY; cat'`),
  })
}

/** From the key to the shell's prompt, in a flood. */
async function benchInterrupt({ uuid, system }: Bench): Promise<string> {
  const pty = openPty(system, `gpulab exec -it ${uuid} -- sh`)
  await untilShown(pty, '# ')
  const times: number[] = []
  for (let n = 0; n < 10; n++) {
    const from = pty.screen().length
    pty.type('yes\r')
    while (pty.screen().length - from < 4 << 20) await untilShown(pty, 'y')
    times.push(
      await timeOf(() => {
        const shown = untilShown(pty, '# ')
        pty.type('\u0003')
        return shown
      }),
    )
  }
  pty.process.kill('SIGKILL')
  return `Ctrl-C in a flood, until the prompt: ${median(times).toFixed(0)} ms, at most ${quantile(times, 1).toFixed(0)} ms`
}

const terminals = 20

/** What they take of the agent's memory, each with a client and a full buffer. */
async function measureTerminals({ uuid, system }: Bench): Promise<string> {
  const open = async (): Promise<Pty> => {
    const pty = openPty(system, `gpulab exec -it ${uuid} -- sh -c 'seq 300000; echo READY; cat'`)
    await untilShown(pty, 'READY')
    return pty
  }
  const close = (ptys: readonly Pty[]): void => ptys.forEach(({ process: child }) => child.kill('SIGKILL'))
  // What the first ones need is there for all.
  close(await Promise.all(Array.from({ length: terminals }, open)))
  const before = await settledKib(system.agent.pid)
  const ptys = await Promise.all(Array.from({ length: terminals }, open))
  const after = await settledKib(system.agent.pid)
  close(ptys)
  return `${terminals} terminals, memory of the agent: ${((after - before) / terminals).toFixed(0)} KiB each`
}

async function settledKib(pid: number): Promise<number> {
  const residentKib = (): number =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  const seen: number[] = []
  for (let n = 0; n < 20; n++) {
    seen.push(residentKib())
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
  return median(seen)
}

/** In what is printed from now on. */
async function untilShown({ process: child }: Pty, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let seen = ''
  const { dispose } = child.onData((part) => {
    seen += part
    if (seen.includes(text)) resolve()
  })
  await promise
  dispose()
}

async function shell(command: string, { cli }: Bench['system']): Promise<void> {
  const env = { ...cli.env, GPULAB: cli.program }
  const { code, stderr } = await run('sh', ['-c', command], { env })
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${stderr}`)
}
