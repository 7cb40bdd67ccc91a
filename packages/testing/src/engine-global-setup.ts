import { ensureImages } from '@gpulab/images'
import { ensureEngineInstalled, startEngine, startSimulatedHost } from '@gpulab/simulated-host'
import { access, chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const gpus = '2x NVIDIA GeForce RTX 4090:24564, 1x NVIDIA H100:81559'

interface TestEngine {
  readonly dockerHost: string
  readonly nvidiaSmi: string
  readonly stop: () => Promise<void>
}

/**
 * Gives a vitest run one Docker Engine with simulated GPUs: the one of GPULAB_TEST_DOCKER_HOST (with the nvidia-smi of
 * GPULAB_TEST_NVIDIA_SMI), or one of its own in a temporary directory. Test processes and testcontainers learn of it
 * through their environment. Throws one sentence where no engine can be had.
 */
export async function setup(): Promise<() => Promise<void>> {
  const given = process.env['GPULAB_TEST_DOCKER_HOST']
  const engine = given ? undefined : await openEngine()
  const dockerHost = given || engine?.dockerHost || ''
  try {
    const { busybox } = await ensureImages({ dockerHost, keys: ['busybox'] })
    Object.assign(process.env, {
      GPULAB_TEST_DOCKER_HOST: dockerHost,
      GPULAB_TEST_IMAGE: busybox.reference,
      DOCKER_HOST: dockerHost,
      // Its image cannot be had without a registry, and everything here is removed with the engine.
      TESTCONTAINERS_RYUK_DISABLED: 'true',
      // In a container of somebody's, testcontainers would look for mapped ports on a bridge's gateway.
      TESTCONTAINERS_HOST_OVERRIDE: '127.0.0.1',
      ...(engine && { GPULAB_TEST_NVIDIA_SMI: engine.nvidiaSmi }),
    })
  } catch (error) {
    await engine?.stop()
    throw error
  }
  return async () => engine?.stop()
}

async function openEngine(): Promise<TestEngine> {
  const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-test-engine-'))
  await chmod(stateDir, 0o711)
  const remove = (): Promise<void> => rm(stateDir, { recursive: true, force: true, maxRetries: 5 })
  try {
    const { stop, ...engine } =
      process.getuid?.() === 0 ? await startOwn(stateDir) : await startInMachine(stateDir)
    const stopAndRemove = async (): Promise<void> => {
      await stop()
      await remove()
    }
    return { ...engine, stop: stopAndRemove }
  } catch (error) {
    await remove()
    throw error
  }
}

async function startOwn(stateDir: string): Promise<TestEngine> {
  await ensureEngineInstalled()
  const engine = await startEngine({ stateDir, name: 'test', gpus })
  return { ...engine, stop: () => engine.stop({ keepContainers: false }) }
}

/** Without root: a simulated host in the engine that this user may talk to. */
async function startInMachine(stateDir: string): Promise<TestEngine> {
  const docker = process.env['DOCKER_HOST'] || 'unix:///var/run/docker.sock'
  await access(docker.slice('unix://'.length)).catch((cause: Error) => {
    throw new Error(
      'These tests need a Docker Engine: run them as root, or start Docker and set DOCKER_HOST.',
      { cause },
    )
  })
  const images = await ensureImages({ dockerHost: docker, keys: ['gpu-host'] })
  const name = `gpulab-test-${process.pid}`
  const host = await startSimulatedHost({ docker, image: images['gpu-host'].reference, name, gpus, stateDir })
  return { dockerHost: host.dockerHost, nvidiaSmi: host.nvidiaSmi, stop: host.stop }
}
