import { GpulabError, type GpuType } from '@gpulab/contract'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { aliveSince } from '../leases/service.ts'
import { countGpus } from '../leases/store.ts'
import { findTypeMemory, type GpuTypeRow, listGpuTypes, storePrice } from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>
type Count = Awaited<ReturnType<typeof countGpus>>[number]

export const currency = 'USD'

/** All types with a price, and all cards that hosts have, sorted by name. */
async function listAll({ db, clock }: Parts): Promise<GpuType[]> {
  const [types, counts] = await Promise.all([listGpuTypes(db), countGpus(db, aliveSince(clock.now()))])
  const byName = new Map(counts.map((count) => [count.name, count]))
  const priced = types.map((type) => toGpuType(type.name, type, byName.get(type.name)))
  const unpriced = counts.filter(({ name }) => !types.some((type) => type.name === name))
  return [...priced, ...unpriced.map((count) => toGpuType(count.name, undefined, count))].toSorted(
    (left, right) => (left.name < right.name ? -1 : 1),
  )
}

function toGpuType(name: string, type: GpuTypeRow | undefined, count: Count | undefined): GpuType {
  return {
    name,
    memory_bytes: count?.memoryBytes ?? type?.memoryBytes ?? 0,
    available: count?.available ?? 0,
    total: count?.total ?? 0,
    simulated: count?.simulated ?? false,
    price_per_hour: type ? toPrice(type.pricePerHour) : null,
    currency: type?.currency ?? currency,
  }
}

/** At least two decimals, and no more than are needed. */
const toPrice = (price: string): string => price.replace(/(\.\d\d\d*?)0+$/, '$1')

export async function pageGpuTypes(
  deps: Parts,
  { name, after, limit }: { name: string | undefined; after: string | undefined; limit: number },
) {
  const wanted = name?.toLowerCase()
  const matching = (await listAll(deps)).filter(
    (type) =>
      (wanted === undefined || type.name.toLowerCase().includes(wanted)) &&
      (after === undefined || type.name > after),
  )
  return toPage(matching.slice(0, limit + 1), limit, (last) => last.name)
}

export async function getGpuType(deps: Parts, name: string): Promise<GpuType> {
  const found = (await listAll(deps)).find((type) => type.name === name)
  if (!found) throw unknownType(name)
  return found
}

export async function setPrice(deps: Parts, name: string, pricePerHour: string): Promise<GpuType> {
  const { memory_bytes: memoryBytes } = await getGpuType(deps, name)
  await storePrice(deps.db, { name, memoryBytes, pricePerHour, currency })
  return getGpuType(deps, name)
}

/** Throws for a type that has neither a price nor a card anywhere, or too little memory for what shall run on it. */
export async function requireGpuType(
  { db }: Pick<Deps, 'db'>,
  name: string,
  minMemoryBytes: number,
): Promise<void> {
  const memoryBytes = await findTypeMemory(db, name)
  if (memoryBytes === undefined) throw unknownType(name)
  if (memoryBytes >= minMemoryBytes) return
  throw new GpulabError('invalid_request', {
    message: `A ${name} has ${Math.floor(memoryBytes / 2 ** 30)} GiB; the template needs ${Math.ceil(minMemoryBytes / 2 ** 30)} GiB.`,
    hint: 'gpulab gpus --min-memory shows which have so much.',
  })
}

const unknownType = (name: string): GpulabError =>
  new GpulabError('gpu_type_not_found', {
    message: `There is no GPU type "${name}".`,
    hint: 'gpulab gpus types lists them.',
  })
