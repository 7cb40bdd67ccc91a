import { run } from '@gpulab/testing'
import { it } from 'vitest'
import { type Comparison, compare, describeComparison, header, timeOf } from './measure.ts'
import { openPty, type Pty } from '../src/open-pty.ts'
import { type Bench, dockerExec, openBench } from './open-bench.ts'

const bytes = 256 * 2 ** 20
const calls = 64
const workers = 8

it('sessions beside docker', { timeout: 600_000 }, async () => {
  await using bench = await openBench()
  const rows: string[] = []
  for (const comparison of [benchParallelExec, benchOutput, benchInput, benchPrompt, benchEcho]) {
    rows.push(describeComparison(await comparison(bench)))
  }
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
