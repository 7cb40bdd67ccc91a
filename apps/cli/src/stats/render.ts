import type { ContainerStats, GpuStats } from '@gpulab/contract'
import { formatBar } from '../output/bar.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { ruler } from '../output/page.ts'
import { formatSize } from '../output/size.ts'
import { widthOf } from '../output/table.ts'

const labelWidth = 10
/** "18.5 GB / 32 GB" and a little more, so that the bars stand in one column. */
const valueWidth = 19
const unknown = '–'

/** The picture of one sample. */
export function renderStats(output: Pick<Output, 'style'>, name: string, sample: ContainerStats): string[] {
  const { cpu_percent: cpu, cpu_cores: cores, gpus } = sample
  return [
    `Container: ${output.style('bold', escapeText(name))} (${sample.uuid.slice(0, 8)})`,
    ruler,
    barLine(
      'CPU',
      cpu === null ? unknown : `${cpu.toFixed(1)}%`,
      (cpu ?? 0) / 100 / cores,
      coresLabel(cores),
    ),
    memoryLine('Memory', sample.memory_used_bytes, sample.memory_limit_bytes),
    ...gpus.flatMap((gpu, index) => renderGpu(gpu, gpus.length > 1 ? `GPU ${index}` : 'GPU')),
    '',
    line('Network', `↓ ${formatSize(sample.network_rx_bytes)}  ↑ ${formatSize(sample.network_tx_bytes)}`),
    line('Block IO', `R ${formatSize(sample.block_read_bytes)}  W ${formatSize(sample.block_write_bytes)}`),
    line('PIDs', sample.pids_limit === null ? `${sample.pids}` : `${sample.pids} / ${sample.pids_limit}`),
  ]
}

function renderGpu(gpu: GpuStats, label: string): string[] {
  const { utilization_percent: utilization, problem } = gpu
  const title = line(label, escapeText(gpu.name ?? gpu.uuid) + (gpu.simulated ? ' (simulated)' : ''))
  // Of a card that is lost there is nothing more to show.
  if (problem !== null && gpu.memory_used_bytes === null) return [title, line('', escapeText(problem))]
  return [
    title,
    memoryLine('GPU Mem', gpu.memory_used_bytes, gpu.memory_total_bytes),
    barLine('GPU Util', utilization === null ? unknown : `${utilization}%`, (utilization ?? 0) / 100),
    line('GPU Temp', sensorsLabel(gpu)),
    ...(problem === null ? [] : [line('', escapeText(problem))]),
  ]
}

function sensorsLabel(gpu: GpuStats): string {
  const { temperature_celsius: temperature, power_watts: power, power_limit_watts: limit } = gpu
  const temperatureLabel = temperature === null ? unknown : `${temperature}°C`
  if (power === null) return temperatureLabel
  return `${temperatureLabel}  Power: ${Math.round(power)} W${limit === null ? '' : ` / ${Math.round(limit)} W`}`
}

const coresLabel = (cores: number): string => `(${cores} ${cores === 1 ? 'core' : 'cores'})`

const line = (label: string, value: string): string =>
  (label === '' ? '' : `${label}:`).padEnd(labelWidth) + value

function barLine(label: string, value: string, part: number, note = ''): string {
  const padded = value + ' '.repeat(Math.max(2, valueWidth - widthOf(value)))
  return line(label, `${padded}${formatBar(part)}${note === '' ? '' : `  ${note}`}`)
}

function memoryLine(label: string, used: number | null, total: number | null): string {
  if (used === null || total === null || total === 0)
    return line(label, used === null ? unknown : formatSize(used))
  return barLine(label, `${formatSize(used)} / ${formatSize(total)}`, used / total)
}

/** CPU percent of one core and bytes of memory, for a script. */
export const toQuietLine = ({ cpu_percent: cpu, memory_used_bytes: memory }: ContainerStats): string =>
  `${cpu ?? '-'} ${memory}`
