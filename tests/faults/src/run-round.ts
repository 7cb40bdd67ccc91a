import type { EngineContainer, Observation } from './checkers.ts'
import type { Hold } from './coordinator.ts'
import { type FaultCase, nameOf, type Round } from './matrix.ts'
import { happeningRules, statusAt, type Subject } from './operations.ts'
import type { SubjectPool } from './subject-pool.ts'
import type { FaultSystem } from './system.ts'
import { untilWell } from './until-well.ts'

interface Job {
  readonly faultCase: FaultCase
  readonly subject: Subject
  /** Its container in the engine before the operation. */
  readonly before: EngineContainer | undefined
  readonly hold: Hold
  /** The answer: the container's uuid. */
  readonly answer: Promise<string>
}

/**
 * Brings every case to its point, kills the victim, starts it again, and does not return before every operation has its
 * answer, every container is in its state, and nothing is wrong with the system.
 */
export async function runRound(
  system: FaultSystem,
  { victim, cases }: Round,
  pool: SubjectPool,
): Promise<void> {
  const subjects = await pool.take(cases.map(({ happening }) => happeningRules[happening].from))
  const { engine } = await system.observe()
  const agent = await system.findAgent()
  const touched = new Set(subjects.flatMap(({ uuid, rival }) => [uuid, rival?.uuid]))
  const untouched = engine.filter(({ uuid }) => !touched.has(uuid))
  const known = new Set(engine.map(({ uuid }) => uuid))
  const jobs: Job[] = []
  try {
    for (const [index, faultCase] of cases.entries()) {
      const subject = subjects[index] as Subject
      const before = engine.find(({ uuid }) => uuid === subject.uuid)
      jobs.push(await bringToPoint(system, faultCase, { subject, before, known }))
    }
    await system.parts[victim].kill()
  } finally {
    for (const { hold } of jobs) hold.release()
    await system.parts[victim].start()
  }
  // What an agent does when it finds its containers, it does after its first report.
  if (victim === 'agent') await system.untilAnotherAgent(agent)
  const uuids = await Promise.all(jobs.map(({ answer }) => answer))
  await untilWell(system, {
    untouched,
    find: (now) => jobs.flatMap((job, index) => findUnfinished(job, uuids[index] ?? '', now)),
  })
  for (const [index, { faultCase, subject }] of jobs.entries())
    pool.give(happeningRules[faultCase.happening].to, { ...subject, uuid: uuids[index] ?? '' })
}

async function bringToPoint(
  system: FaultSystem,
  faultCase: FaultCase,
  { subject, before, known }: { subject: Subject; before: EngineContainer | undefined; known: Set<string> },
): Promise<Job> {
  const { happening, point } = faultCase
  const fits = (uuid: string | null): boolean =>
    uuid === null || (happening === 'create' ? !known.has(uuid) : uuid === subject.uuid)
  const hold = system.points.hold(point, fits)
  const answer = happeningRules[happening].ask(system, subject)
  // Only a refusal ends the wait: an answer may well come before the point.
  const { promise: refused, reject } = Promise.withResolvers<never>()
  answer.catch(reject)
  try {
    const { subject: uuid } = await Promise.race([hold.reached, refused])
    if (uuid !== null) known.add(uuid)
  } catch (cause) {
    hold.release()
    throw new Error(`${nameOf(faultCase)}: ${(cause as Error).message}`, { cause })
  }
  return { faultCase, subject, before, hold, answer }
}

const mustBeNew = new Set<string>(['create', 'redeploy', 'start-elsewhere', 'place'])

/** What is still missing for an operation to have done exactly what was asked for. */
function findUnfinished({ faultCase, subject, before }: Job, uuid: string, now: Observation): string[] {
  const { happening } = faultCase
  const { to } = happeningRules[happening]
  const what = `${nameOf(faultCase)} (${subject.name} ${uuid})`
  const rows = now.rows.filter(({ name }) => name === subject.name)
  const own = now.engine.filter((container) => container.uuid === uuid)
  if (to === 'none') {
    return rows.length + own.length === 0
      ? []
      : [`${what} left ${rows.length} rows and ${own.length} containers.`]
  }
  const [row] = rows
  const [container] = own
  if (rows.length !== 1 || own.length !== 1 || !row || !container)
    return [`${what} has ${rows.length} rows and ${own.length} containers.`]
  const wrong: string[] = []
  if (row.uuid !== uuid) wrong.push(`${what} was answered with another uuid than ${row.uuid}.`)
  if (row.status !== statusAt[to])
    wrong.push(`${what} is ${row.status} (${row.reason ?? 'no reason'}), not ${to}.`)
  const isNewRun = container.startedAt !== before?.startedAt
  if (statusAt[to] === 'running' && !isNewRun) wrong.push(`${what} is still the old run.`)
  // A start on other cards makes a new container of the old one's files.
  const isNewMaking = before?.generation !== row.generation
  if (mustBeNew.has(happening) && !isNewMaking) wrong.push(`${what} has not been made anew.`)
  if (isNewMaking === (container.id === before?.id))
    wrong.push(`${what} is the wrong container: ${container.id}.`)
  return wrong
}
