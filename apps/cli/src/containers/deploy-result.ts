import type { Container } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { gpuLabel, portLines, queueLabel, shortId, statusLabel } from './describe.ts'

export interface Deployed {
  readonly container: Container
  /** It was there already. */
  readonly isAdopted: boolean
}

export function printDeployed({ output }: ApiContext, { container, isAdopted }: Deployed): void {
  output.render({
    table: () => {
      for (const line of deployedLines(output, { container, isAdopted })) output.line(line)
      output.note('')
      for (const line of nextSteps(container)) output.note(`  ${line}`)
    },
    json: { ...container, container_id: container.uuid, adopted: isAdopted },
    quiet: [container.uuid],
  })
}

function deployedLines(output: Output, { container, isAdopted }: Deployed): string[] {
  const check = output.style('green', '✓')
  const gpu = gpuLabel(container)
  const queue = queueLabel(container)
  const ports = portLines(container)
  return [
    `${check} ${headline(container, isAdopted)}`,
    '',
    `  Name:    ${escapeText(container.name)}`,
    `  UUID:    ${container.uuid}`,
    `  Status:  ${statusLabel(output, container.status)}`,
    ...(queue === undefined ? [] : [`  Queue:   ${queue}`]),
    ...(gpu === undefined ? [] : [`  GPU:     ${gpu}`]),
    ...ports.map((line, index) => (index === 0 ? `  Ports:   ${line}` : `           ${line}`)),
  ]
}

function headline({ status }: Container, isAdopted: boolean): string {
  if (isAdopted) return 'Container exists already'
  return status === 'queued' ? 'Container queued' : 'Container deployed successfully'
}

function nextSteps({ uuid, status, next_step: step }: Container): string[] {
  const id = shortId(uuid)
  switch (status) {
    case 'queued':
      return [
        `Use 'gpulab inspect ${id}' to see its place in line`,
        `Use 'gpulab rm ${id}' to take it out of the line`,
      ]
    case 'stopped':
      return [`Use 'gpulab start ${id}' to start it`]
    case 'failed':
      return [step === null ? `Use 'gpulab redeploy ${id}' to make it anew` : escapeText(step)]
    case 'running':
      return [`Use 'gpulab exec ${id} -- COMMAND' to run a command`]
    default:
      return [
        `Use 'gpulab logs ${id} --deploy --follow' to view deployment progress`,
        `Use 'gpulab exec ${id} -- COMMAND' to run a command when ready`,
      ]
  }
}
