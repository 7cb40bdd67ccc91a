import { ensureImages } from '@gpulab/images'
import { startEngine } from '@gpulab/simulated-host'
import { findFreePort, type Finished, run } from '@gpulab/testing'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const checkout = fileURLToPath(new URL('../../..', import.meta.url))

export interface Compose extends AsyncDisposable {
  readonly apiUrl: string
  /** Below which the gateway serves ports. */
  readonly proxyPort: number
  readonly image: string
  /** Runs `docker`; fails the test if it fails. */
  docker(...args: string[]): Promise<string>
  /** Runs `docker compose`; fails the test if it fails. */
  compose(...args: string[]): Promise<string>
}

/**
 * An Engine 26.1 of its own with Compose 2, and everything that docker-compose.yml is built from. Images are stand-ins:
 * where a registry is reachable they have other names and nothing else is different.
 */
export async function prepareCompose(): Promise<Compose> {
  const stack = new AsyncDisposableStack()
  const dir = stack.adopt(await mkdtemp(join(tmpdir(), 'gpulab-compose-')), (path) =>
    rm(path, { recursive: true, force: true, maxRetries: 5 }),
  )
  await chmod(dir, 0o711)
  const trixie = join(dir, 'trixie')
  mustPass(await run(join(import.meta.dirname, 'docker-from-trixie'), [trixie]))
  const path = `${trixie}/root/usr/bin:${trixie}/root/usr/sbin`
  process.env['PATH'] = `${path}:${process.env['PATH']}`
  stack.defer(() => void (process.env['PATH'] = process.env['PATH']?.replace(`${path}:`, '')))
  const engine = await startEngine({ stateDir: join(dir, 'engine'), name: 'compose', gpus: '' })
  stack.defer(() => engine.stop({ keepContainers: false }))
  const { dockerHost } = engine
  const images = await ensureImages({ dockerHost, keys: ['node', 'postgres', 'busybox'] })
  const registry = mustPass(await run('npm', ['config', 'get', 'registry'])).stdout.trim()
  const secrets = join(dir, 'secrets')
  mustPass(await run(join(checkout, 'infra/images/compose/make-secrets'), [secrets]))
  const [apiPort, proxyPort] = [await findFreePort(), await findFreePort()]
  const env = {
    DOCKER_HOST: dockerHost,
    DOCKER_CONFIG: join(trixie, 'config'),
    COMPOSE_PROJECT_NAME: 'gpulab-test',
    GPULAB_SECRETS: secrets,
    GPULAB_IMAGE_PREFIX: 'gpulab.invalid/standin/',
    // The machine's own proxies may listen on loopback only.
    GPULAB_BUILD_NETWORK: 'host',
    GPULAB_NPM_REGISTRY: registry,
    GPULAB_PORT: String(apiPort),
    GPULAB_GATEWAY_PORT: String(proxyPort),
    GPULAB_PROXY_URL: `http://proxy.localhost:${proxyPort}`,
  }
  const docker = async (...args: string[]): Promise<string> =>
    mustPass(await run('docker', args, { env })).stdout
  const file = join(checkout, 'docker-compose.yml')
  return {
    apiUrl: `http://127.0.0.1:${apiPort}`,
    proxyPort,
    image: images.busybox.reference,
    docker,
    compose: (...args) => docker('compose', '--file', file, ...args),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function mustPass<T extends Finished>(finished: T): T {
  if (finished.code !== 0)
    throw new Error(`It ended with ${finished.code}:\n${finished.stdout}\n${finished.stderr}`)
  return finished
}
