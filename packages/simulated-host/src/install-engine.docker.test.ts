import { resolve } from 'node:path'
import { ensureImages } from '@gpulab/images'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runContainer, startTestEngine } from './test-engine.ts'

const checkout = resolve(import.meta.dirname, '../../..')
const module = resolve(import.meta.dirname, 'install-engine.ts')

let engine: Awaited<ReturnType<typeof startTestEngine>>

beforeAll(async () => {
  engine = await startTestEngine('')
})
afterAll(() => engine[Symbol.asyncDispose]())

test('an engine is installed on a machine that has none, without starting a service', async () => {
  const { debian } = await ensureImages({ dockerHost: engine.dockerHost, keys: ['debian'] })
  const program = `
    const { ensureEngineInstalled } = await import('${module}')
    console.log(JSON.stringify([await ensureEngineInstalled(), await ensureEngineInstalled()]))`
  const services = 'cat /proc/[0-9]*/comm | grep -x -e dockerd -e containerd'
  const script = `"$0" --input-type=module -e "$1" && dockerd --version && ! ${services} && ! ls /usr/sbin/policy-rc.d`
  const { exitCode, output } = await runContainer(engine.dockerHost, {
    image: debian.reference,
    command: ['sh', '-c', script, process.execPath, program],
    binds: [`${checkout}:${checkout}:ro`],
  })
  expect(output).toContain('[["docker.io","runc","iptables","iproute2","mmdebstrap","xfsprogs"],[]]')
  expect(exitCode).toBe(0)
})

test('without root it says what is needed', async () => {
  const program = `
    const { ensureEngineInstalled } = await import('${module}')
    await ensureEngineInstalled().catch((error) => console.log(error.message))`
  expect(await runWithoutRoot(program)).toMatch(
    /^A Docker Engine of our own needs the packages docker\.io, .* run this as root on Debian/,
  )
})

test('without root an engine says what to do instead', async () => {
  const program = `
    const { startEngine } = await import('${resolve(import.meta.dirname, 'engine.ts')}')
    const options = { stateDir: '/tmp/engine', name: 'test', gpus: '' }
    await startEngine(options).catch((error) => console.log(error.message))`
  expect(await runWithoutRoot(program)).toMatch(/^Starting a Docker Engine needs root; .* DOCKER_HOST/)
})

async function runWithoutRoot(program: string): Promise<string> {
  const { debian } = await ensureImages({ dockerHost: engine.dockerHost, keys: ['debian'] })
  const { output } = await runContainer(engine.dockerHost, {
    image: debian.reference,
    command: ['setpriv', '--reuid=1000', process.execPath, '--input-type=module', '-e', program],
    binds: [`${checkout}:${checkout}:ro`],
  })
  return output
}
