import { GpulabError, type GpuType, type Template } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { listNames, matchByName } from '../match.ts'
import { listAll } from '../pages.ts'
import { parseList } from './parse-input.ts'

type GpuWish = { gpu_type?: string; gpu_types?: string[] }

/**
 * What to ask for, in the order of preference. The default of the profile is for GPU templates only: a CPU container
 * must not lease a card by accident.
 */
export async function chooseGpuTypes(
  { api, profile, signal }: ApiContext,
  asked: readonly string[],
  template: Template | undefined,
): Promise<GpuWish> {
  const isGpuTemplate = template?.type === 'gpu'
  const preset = isGpuTemplate && profile.defaultGpuType ? [profile.defaultGpuType] : []
  const wanted = parseList(asked.length > 0 ? asked : preset)
  if (wanted.length === 0 && asked.length === 0 && !isGpuTemplate) return {}
  const types = await listAll((page) => api.gpus.listTypes({ query: page }, { signal }))
  if (wanted.length === 0) throw missing(template, asked.length > 0, types)
  return toWish(
    wanted.map((text) => matchByName(text, types, { noun: 'GPU type', notFound: 'gpu_type_not_found' }).name),
  )
}

function toWish(names: readonly string[]): GpuWish {
  const different = [...new Set(names)]
  const [only] = different
  return only !== undefined && different.length === 1 ? { gpu_type: only } : { gpu_types: different }
}

const missing = (template: Template | undefined, isAsked: boolean, types: readonly GpuType[]): GpulabError =>
  new GpulabError('input_required', {
    message:
      template?.type === 'gpu' && !isAsked
        ? `The template ${template.name} needs a GPU: give --gpu-type.`
        : '--gpu-type names no GPU type.',
    hint: `GPU types here: ${listNames(types) || 'none'}.`,
    details: { missing: 'gpu-type', candidates: types.map(({ name }) => name) },
  })
