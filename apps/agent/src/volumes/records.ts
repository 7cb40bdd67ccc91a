import type { TargetVolume } from '@gpulab/contract'
import { join } from 'node:path'
import { z } from 'zod'
import { readPrivateFile, writePrivateFile } from '../identity/private-file.ts'

const Records = z.object({
  volumes: z.array(
    z.object({
      uuid: z.uuid(),
      driver: z.enum(['local', 'moosefs', 'nfs']),
      size_bytes: z.int(),
      generation: z.int(),
      desired: z.enum(['present', 'absent']),
      manages: z.boolean(),
      was_made: z.boolean(),
      team_uuid: z.uuid().exactOptional(),
    }),
  ),
})

/** The volumes of the last target: a host that has rebooted mounts them before the control plane is heard. */
export interface VolumeRecords {
  read(): Promise<TargetVolume[]>
  write(volumes: readonly TargetVolume[]): Promise<void>
}

export function createVolumeRecords(stateDir: string): VolumeRecords {
  const path = join(stateDir, 'volumes.json')
  let writing = Promise.resolve()
  return {
    read: async () => {
      const text = await readPrivateFile(path)
      return text === undefined ? [] : Records.parse(JSON.parse(text)).volumes
    },
    write: (volumes) => {
      const write = (): Promise<void> => writePrivateFile(path, `${JSON.stringify({ volumes }, null, 2)}\n`)
      // In their order, and one that failed holds up none.
      writing = writing.then(write, write)
      return writing
    },
  }
}
