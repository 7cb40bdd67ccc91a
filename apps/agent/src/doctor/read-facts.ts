import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { toDeviceRequest } from '../containers/spec.ts'
import type { Config } from '../config.ts'
import type { Engine } from '../docker/connect.ts'
import { type HostInfo, listLocalImages, readHostInfo } from '../docker/host-info.ts'
import { runProbe, seesFolder } from '../docker/probes.ts'
import { inventoryArguments, parseInventory } from '../gpus/parse-inventory.ts'
import { runProgram } from '../run-program.ts'
import { chooseProbeImage } from './choose-image.ts'
import type { Facts, FolderFacts, GpuFacts, GpuProbe } from './facts.ts'
import { probeApi } from './probe-api.ts'

export interface DoctorDeps {
  readonly engine: Engine
  readonly config: Pick<
    Config,
    'apiUrl' | 'insecure' | 'nvidiaSmi' | 'firewall' | 'gpuInjection' | 'guestDir'
  >
}

export interface DoctorOptions {
  /** Makes a container, and starts one with all cards, which takes seconds. */
  readonly tryContainers?: boolean
}

const smiMs = 20_000

/** Looks at everything at once; what cannot be read becomes a fact of its own. */
export async function readFacts(
  { engine, config }: DoctorDeps,
  { tryContainers }: DoctorOptions,
): Promise<Facts> {
  const [info, gpus, toolkitVersion, firewall, api] = await Promise.all([
    readHostInfo(engine).catch((error: Error) => ({ error: error.message })),
    readGpus(config.nvidiaSmi),
    readToolkitVersion(),
    config.firewall ? tryFirewall() : ('off' as const),
    config.apiUrl === undefined ? undefined : probeApi(config.apiUrl, config.insecure),
  ])
  const uuids = 'uuids' in gpus ? gpus.uuids : []
  const isTried = tryContainers === true && !('error' in info)
  return {
    engine: info,
    disk: 'error' in info ? undefined : await readDisk(info),
    gpus,
    toolkitVersion,
    gpuProbe: isTried && uuids.length > 0 ? await probeGpus(engine, uuids, config.gpuInjection) : undefined,
    folder: isTried ? await probeFolder(engine, config.guestDir) : undefined,
    firewall,
    api,
  }
}

/** Undefined where the agent runs in a container that does not see the engine's folder. */
const readDisk = ({ rootDir }: HostInfo): Promise<Facts['disk']> =>
  statfs(rootDir).then(
    ({ bavail, blocks, bsize }) => ({ freeBytes: bavail * bsize, sizeBytes: blocks * bsize }),
    () => undefined,
  )

async function readGpus(nvidiaSmi: string): Promise<GpuFacts> {
  try {
    const { exitCode, stdout, stderr } = await runProgram(nvidiaSmi, inventoryArguments, { timeoutMs: smiMs })
    const gpus = parseInventory(stdout)
    return {
      exitCode,
      uuids: gpus.map(({ uuid }) => uuid),
      simulated: gpus.length > 0 && gpus.every(({ simulated }) => simulated),
      output: stdout + stderr,
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { missing: true }
    return { exitCode: 1, uuids: [], simulated: false, output: message }
  }
}

async function readToolkitVersion(): Promise<string | undefined> {
  const { stdout } = await runProgram('nvidia-ctk', ['--version']).catch(() => ({ stdout: '' }))
  return /version v?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1]
}

async function tryFirewall(): Promise<Facts['firewall']> {
  try {
    const { exitCode, stderr } = await runProgram('iptables', ['-w', '-S', 'INPUT'])
    return exitCode === 0 ? 'possible' : { error: stderr.trim() }
  } catch (error) {
    return { error: `${(error as Error).message}.` }
  }
}

async function probeGpus(
  engine: Engine,
  uuids: readonly string[],
  injection: Config['gpuInjection'],
): Promise<GpuProbe> {
  let image: string | undefined
  try {
    image = chooseProbeImage(await listLocalImages(engine))
    if (image === undefined) return { image }
    const deviceRequest = toDeviceRequest(uuids, injection)
    const { exitCode, output } = await runProbe(engine, { image, argv: ['nvidia-smi', '-L'], deviceRequest })
    return { image, exitCode, output, listed: output.match(/\bGPU \d+:/g)?.length ?? 0 }
  } catch (error) {
    return { image: image ?? '', error: (error as Error).message }
  }
}

/** By a folder of its own, which no engine can have by chance. Undefined where there is no image to try it with. */
async function probeFolder(engine: Engine, path: string): Promise<FolderFacts | undefined> {
  let folder: string | undefined
  try {
    const image = chooseProbeImage(await listLocalImages(engine))
    if (image === undefined) return undefined
    await mkdir(path, { recursive: true, mode: 0o711 })
    folder = await mkdtemp(join(path, 'doctor-'))
    return { path, isSeen: await seesFolder(engine, image, folder) }
  } catch (error) {
    return { path, error: (error as Error).message }
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}
