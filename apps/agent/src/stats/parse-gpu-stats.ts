import type { GpuStats } from '@gpulab/contract'
import { toPlainText } from '../plain-text.ts'

/** In the order of the columns that `parseGpuStats` reads. */
export const gpuStatsArguments = [
  '--query-gpu=uuid,name,memory.used,memory.total,utilization.gpu,temperature.gpu,power.draw,power.limit,driver_version',
  '--format=csv,noheader,nounits',
]

/** What nvidia-smi said of all cards of the host. */
export interface GpuReading {
  readonly cards: ReadonlyMap<string, GpuStats>
  /** What it wrote besides, which tells why cards are missing. */
  readonly message: string | null
}

const mib = 1 << 20
const numbers = 6

/**
 * Reads nvidia-smi's CSV. It writes `[N/A]` and the like where a card has no such value, the failure in place of the
 * values of a card that it has lost, or instead of all of its line.
 */
export function parseGpuStats(csv: string): GpuReading {
  const lines = csv
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const rows = lines.map(parseRow)
  return {
    cards: new Map(rows.flatMap((card) => (card ? [[card.uuid, card]] : []))),
    message: toPlainText(lines.find((_, index) => rows[index] === undefined) ?? '') || null,
  }
}

function parseRow(line: string): GpuStats | undefined {
  const cells = line.split(',').map((cell) => cell.trim())
  const [uuid = ''] = cells
  const values = cells.slice(-numbers - 1, -1)
  if (cells.length < numbers + 3 || !/^(?:GPU|MIG)-/.test(uuid)) return undefined
  const [used = null, total = null, utilization = null, temperature = null, power = null, limit = null] =
    values.map(toNumber)
  return {
    uuid,
    // A name may hold commas, its neighbours do not.
    name: toPlainText(cells.slice(1, -numbers - 1).join(', ')),
    simulated: (cells.at(-1) ?? '').endsWith('+simulated'),
    memory_used_bytes: used === null ? null : used * mib,
    memory_total_bytes: total === null ? null : total * mib,
    utilization_percent: utilization,
    temperature_celsius: temperature,
    power_watts: power,
    power_limit_watts: limit,
    problem: values.map(toProblem).find((problem) => problem !== undefined) ?? null,
  }
}

const toNumber = (cell: string): number | null => (/^\d+(?:\.\d+)?$/.test(cell) ? Number(cell) : null)

/** Not what only means that this card has no such sensor. */
function toProblem(cell: string): string | undefined {
  const [, words] = /^\[(.*(?:error|lost|reset|fail).*)\]$/i.exec(cell) ?? []
  return words === undefined ? undefined : toPlainText(words)
}

/** The cards of one container, in its order; those that nvidia-smi did not tell of have no values. */
export const pickCards = (
  uuids: readonly string[],
  { cards, message }: GpuReading = { cards: new Map(), message: 'nvidia-smi has not answered yet.' },
): GpuStats[] =>
  uuids.map(
    (uuid) =>
      cards.get(uuid) ?? {
        uuid,
        name: null,
        simulated: false,
        memory_used_bytes: null,
        memory_total_bytes: null,
        utilization_percent: null,
        temperature_celsius: null,
        power_watts: null,
        power_limit_watts: null,
        problem: message ?? 'nvidia-smi does not list this card.',
      },
  )
