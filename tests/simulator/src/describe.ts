import type { Violation } from './history.ts'
import type { Operation, Plan } from './plan.ts'
import { epoch } from './timeline.ts'

const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`

export const describeViolation = ({ rule, at, message }: Violation): string =>
  `${rule} at ${seconds(at - epoch)}: ${message}`

export function describeOperation(operation: Operation): string {
  const { at, do: verb, ...rest } = operation
  const details = 'input' in rest ? { mark: rest.mark, program: rest.program, ...wanted(rest.input) } : rest
  return `${seconds(at).padStart(11)}  ${verb} ${JSON.stringify(details)}`
}

/** What of a deployment decides on its fate. */
const wanted = ({
  name,
  if_exists,
  image,
  gpu_types,
  gpu_count,
  queue,
  memory_bytes,
  restart,
}: Deployment) => ({
  ...(name !== undefined && { name, if_exists }),
  image,
  gpu_types,
  gpu_count,
  queue,
  memory_bytes,
  restart,
})
type Deployment = Extract<Operation, { do: 'deploy' }>['input']

/** How to see it again: with all operations, or with those that are needed. */
export const replayCommand = (seed: number, kept?: readonly number[]): string =>
  `npm run simulate -- --replay ${seed}${kept ? ` --keep ${kept.join()}` : ''} --trace`

/** Everything that is needed to understand a failure. */
export function describeFailure(
  plan: Plan,
  violations: readonly Violation[],
  kept: readonly number[],
): string {
  const { hosts, operations, seed } = plan
  return [
    `Seed ${seed} breaks promises:`,
    ...violations.slice(0, 5).map((violation) => `  ${describeViolation(violation)}`),
    '',
    `Of its ${operations.length} operations these are enough:`,
    ...kept.flatMap((index) => operations.slice(index, index + 1).map(describeOperation)),
    '',
    `Hosts: ${hosts.map(({ name, gpus }) => `${name} (${gpus.join(', ')})`).join('; ')}`,
    `See all of it:   ${replayCommand(seed)}`,
    `See only these:  ${replayCommand(seed, kept)}`,
  ].join('\n')
}
