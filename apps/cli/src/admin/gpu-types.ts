import type { ApiContext } from '../context.ts'
import { matchByName } from '../match.ts'
import { escapeText } from '../output/escape.ts'
import { printDone } from '../output/list.ts'
import { formatMoney } from '../output/money.ts'
import { listAll } from '../pages.ts'

export async function setPrice(context: ApiContext, text: string, price: string): Promise<void> {
  const { api, output, signal } = context
  const types = await listAll((query) => api.gpus.listTypes({ query }, { signal }))
  const { name } = matchByName(text, types, { noun: 'GPU type', notFound: 'gpu_type_not_found' })
  const body = { price_per_hour: price }
  const type = await api.admin.gpuTypes.setPrice({ params: { name }, body }, { signal })
  const cost = formatMoney(type.price_per_hour ?? '', type.currency)
  printDone(output, `${escapeText(type.name)} costs ${cost} an hour from now on`, type, type.name)
}
