import type { CreateContainer } from '@gpulab/contract'
import { randomBytes, randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { requireGpuType } from '../gpus/service.ts'
import { encrypt } from '../secrets/encryption.ts'
import { getTemplate } from '../templates/service.ts'
import { checkImage } from './check-image.ts'
import { checkMountPaths } from '../volumes/mount-paths.ts'
import { type ContainerMount, resolveMounts } from '../volumes/mounts.ts'
import { toPortColumns } from './port-modes.ts'
import type { Placed } from './place-container.ts'
import type { ContainerRow, NewContainer } from './store.ts'
import { toArgv } from './to-argv.ts'

type Needs = Pick<
  ContainerRow,
  'gpuTypes' | 'gpuCount' | 'memoryBytes' | 'cpus' | 'diskBytes' | 'image' | 'pinnedTo' | 'volumeDrivers'
>
/** All of a container's row but its place. */
export type Unplaced = Omit<NewContainer, keyof Placed | keyof Needs> & Needs

const defaultMemoryBytes = 4 * 2 ** 30

/** What was asked for: its row, with the template's fields where none are given, and its volumes. */
export async function toNewContainer(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  principal: Principal,
  input: CreateContainer,
): Promise<{ row: Unplaced; mounts: readonly ContainerMount[] }> {
  checkImage(input.image, config.registries)
  const template =
    input.template === undefined ? undefined : await getTemplate({ db }, principal.teamUuid, input.template)
  const gpuTypes = [...new Set(input.gpu_types ?? (input.gpu_type === undefined ? [] : [input.gpu_type]))]
  await Promise.all(gpuTypes.map((name) => requireGpuType({ db }, name, template?.minGpuMemoryBytes ?? 0)))
  const { mounts, pinnedTo, volumeDrivers } = await resolveMounts(
    { db, clock },
    principal,
    mergeVolumes(template?.volumes ?? [], input.volumes),
  )
  const uuid = randomUUID()
  const row = {
    uuid,
    teamUuid: principal.teamUuid,
    createdBy: principal.userUuid,
    name: input.name ?? `${template?.name ?? 'container'}-${randomBytes(4).toString('hex')}`,
    template: template?.name ?? null,
    image: template?.image ?? input.image ?? '',
    standInFor: template?.standInFor ?? null,
    command: toArgv(input.command) ?? template?.command ?? null,
    env: encrypt(
      config.encryptionKey,
      JSON.stringify({ ...template?.env, ...input.env, ...input.secrets }),
      uuid,
    ),
    secretKeys: Object.keys(input.secrets),
    ...toPortColumns(input.ports ?? template?.ports ?? [], input.port_modes),
    memoryBytes: input.memory_bytes ?? template?.memoryBytes ?? defaultMemoryBytes,
    cpus: input.cpus ?? null,
    diskBytes: input.disk_bytes ?? template?.diskBytes ?? 0,
    gpuTypes,
    gpuCount: gpuTypes.length === 0 ? 0 : (input.gpu_count ?? 1),
    restart: input.restart,
    pinnedTo,
    volumeDrivers,
    desired: 'running' as const,
    createdAt: clock.now(),
    announcedStatus: 'deploying',
    announcedAt: clock.now(),
  }
  return { row, mounts }
}

/** What both mount at one path is as the deployment says. */
function mergeVolumes(
  ofTemplate: CreateContainer['volumes'],
  asked: CreateContainer['volumes'],
): CreateContainer['volumes'] {
  const paths = new Set(checkMountPaths(asked.map(({ mount_path: path }) => path)))
  return [...ofTemplate.filter(({ mount_path: path }) => !paths.has(path)), ...asked]
}
