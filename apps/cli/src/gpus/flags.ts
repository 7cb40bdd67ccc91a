import { string } from '@oclif/core/flags'
import { mebibyte, parseSize } from '../output/size.ts'
import type { GpuFilter } from './list.ts'

export const gpuFlags = {
  type: string({ summary: 'Only types with this in their name.', helpValue: 'TYPE' }),
  'min-memory': string({
    summary: 'Only cards with this memory, in MiB or with a unit.',
    helpValue: 'SIZE',
  }),
}

export const toGpuFilter = (flags: {
  readonly type?: string | undefined
  readonly 'min-memory'?: string | undefined
}): GpuFilter => ({
  type: flags.type,
  minMemoryBytes: flags['min-memory'] === undefined ? undefined : parseSize(flags['min-memory'], mebibyte),
})
