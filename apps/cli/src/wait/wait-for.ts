import { type Container, GpulabError, type LogLine } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { resolveContainer } from '../containers/kind.ts'
import { escapeText } from '../output/escape.ts'
import { startProgress } from '../output/spinner.ts'
import { withDeadline } from '../with-deadline.ts'
import { describeGoal, type Goal } from './parse-goal.ts'
import { waitForLog } from './wait-for-log.ts'
import { waitForPort } from './wait-for-port.ts'
import { waitForStatus } from './wait-for-status.ts'

interface Reached {
  readonly container: Container
  readonly line?: LogLine
}

const lineMaxCharacters = 200

export async function waitFor(
  context: ApiContext,
  reference: string,
  goal: Goal,
  timeoutMs: number,
): Promise<void> {
  const container = await resolveContainer(context, reference)
  const toError = (): GpulabError => timedOut(container, goal, timeoutMs)
  const progress = await startProgress(
    context.output,
    `Waiting for ${escapeText(`${container.name}: ${describeGoal(goal)}`)}`,
  )
  try {
    const reached = await withDeadline(context, { timeoutMs, toError }, (timed) =>
      reach(timed, container, goal),
    )
    progress.stop()
    print(context, goal, reached)
  } finally {
    progress.stop()
  }
}

async function reach(context: ApiContext, container: Container, goal: Goal): Promise<Reached> {
  switch (goal.kind) {
    case 'status':
      return { container: await waitForStatus(context, container, goal.status) }
    case 'port':
      return { container: await waitForPort(context, container, goal.port) }
    case 'log':
      return waitForLog(context, container, goal.pattern)
  }
}

function print({ output }: ApiContext, goal: Goal, { container, line }: Reached): void {
  output.render({
    table: () =>
      output.line(
        `${output.style('green', '✓')} ${escapeText(`${container.name} ${toSuccess(goal, line)}`)}`,
      ),
    json: { ...container, for: describeGoal(goal), ...(line && { log_line: line }) },
    quiet: [container.uuid],
  })
}

function toSuccess(goal: Goal, line: LogLine | undefined): string {
  switch (goal.kind) {
    case 'status':
      return `is ${goal.status}`
    case 'port':
      return `listens on port ${goal.port}`
    case 'log':
      return `wrote: ${line?.line.slice(0, lineMaxCharacters)}`
  }
}

function toFailure(goal: Goal): string {
  switch (goal.kind) {
    case 'status':
      return `was not ${goal.status}`
    case 'port':
      return `did not listen on port ${goal.port}`
    case 'log':
      return `wrote no line that matches ${goal.pattern}`
  }
}

const timedOut = ({ uuid, name }: Container, goal: Goal, timeoutMs: number): GpulabError =>
  new GpulabError('wait_timeout', {
    message: `Container ${name} ${toFailure(goal)} within ${timeoutMs / 1000} s.`,
    hint: `It goes on: see gpulab inspect ${shortId(uuid)}, or wait longer with --timeout.`,
    details: { uuid, container_id: uuid, name, for: describeGoal(goal) },
  })
