import { type CreateContainer, GpulabError } from '@gpulab/contract'
import { randomBytes, randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { requireGpuType } from '../gpus/service.ts'
import { encrypt } from '../secrets/encryption.ts'
import { getTemplate } from '../templates/service.ts'
import { findRegistry, isAllowedRegistry, isImageReference } from './image-reference.ts'
import { toPortColumns } from './port-modes.ts'
import type { Placed } from './place-container.ts'
import type { ContainerRow, NewContainer } from './store.ts'

type Needs = Pick<ContainerRow, 'gpuTypes' | 'gpuCount' | 'memoryBytes' | 'cpus' | 'diskBytes' | 'image'>
/** All of a container's row but its place. */
export type Unplaced = Omit<NewContainer, keyof Placed | keyof Needs> & Needs

const defaultMemoryBytes = 4 * 2 ** 30

/** The row of what was asked for, with the template's fields where none are given. */
export async function toNewContainer(
  { db, config, clock }: Pick<Deps, 'db' | 'config' | 'clock'>,
  principal: Principal,
  input: CreateContainer,
): Promise<Unplaced> {
  if (input.volumes.length > 0) {
    throw new GpulabError('not_available', {
      message: 'This installation has no volumes yet.',
      hint: 'Deploy without --volume.',
    })
  }
  checkImage(input.image, config.registries)
  const template = input.template === undefined ? undefined : await getTemplate({ db }, input.template)
  const gpuTypes = [...new Set(input.gpu_types ?? (input.gpu_type === undefined ? [] : [input.gpu_type]))]
  await Promise.all(gpuTypes.map((name) => requireGpuType({ db }, name)))
  const uuid = randomUUID()
  return {
    uuid,
    teamUuid: principal.teamUuid,
    createdBy: principal.userUuid,
    name: input.name ?? `${template?.name ?? 'container'}-${randomBytes(4).toString('hex')}`,
    template: template?.name ?? null,
    image: template?.image ?? input.image ?? '',
    standInFor: template?.standInFor ?? null,
    command: toArgv(input.command) ?? template?.command ?? null,
    env: encrypt(config.encryptionKey, JSON.stringify(input.env), uuid),
    ...toPortColumns(input.ports ?? template?.ports ?? [], input.port_modes),
    memoryBytes: input.memory_bytes ?? template?.memoryBytes ?? defaultMemoryBytes,
    cpus: input.cpus ?? null,
    diskBytes: input.disk_bytes,
    gpuTypes,
    gpuCount: gpuTypes.length === 0 ? 0 : (input.gpu_count ?? 1),
    restart: input.restart,
    desired: 'running',
    createdAt: clock.now(),
    announcedStatus: 'deploying',
    announcedAt: clock.now(),
  }
}

function checkImage(image: string | undefined, allowed: readonly string[]): void {
  if (image !== undefined && !isImageReference(image)) {
    throw new GpulabError('invalid_request', {
      message: `"${image}" is not the name of an image.`,
      hint: 'Write it in lower case, like ubuntu:22.04 or ghcr.io/team/image:1.',
    })
  }
  const registry = findRegistry(image ?? '')
  if (registry === undefined || isAllowedRegistry(registry, allowed)) return
  throw new GpulabError('invalid_request', {
    message: `Images may not come from ${registry}: it is an address or a local name.`,
    hint: 'Use a registry with a public name, or ask your administrator to allow it (GPULAB_REGISTRIES).',
  })
}

/** A string is one argument of a shell's, so nothing in it is quoted or split by us. */
const toArgv = (command: CreateContainer['command']): string[] | undefined =>
  typeof command === 'string' ? ['/bin/sh', '-c', command] : command
