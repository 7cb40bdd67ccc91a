import type { EngineEvent, History, Violation } from '../history.ts'
import { short } from '../world/short.ts'

type Parts = Pick<History, 'engine' | 'done' | 'made' | 'meddled' | 'end'>

/** What a user's program has written is there in every later run, and goes only when the user gives it up. */
export function checkFiles(history: Parts): Violation[] {
  const rule = 'files'
  return history.engine.flatMap((event, index): Violation[] => {
    const { at, uuid, generation } = event
    if (history.meddled.has(uuid)) return []
    if (event.action === 'start') {
      const lost = listEarlier(history, event, index).filter((mark) => !event.marks.includes(mark))
      if (lost.length === 0) return []
      return [
        { rule, at, message: `${short(uuid)} g${generation} starts without files of ${lost.length} runs` },
      ]
    }
    if (event.action !== 'destroy' || isGivenUp(history, event)) return []
    const lost = event.marks.filter((mark) => !event.kept.includes(mark))
    if (lost.length === 0) return []
    return [
      { rule, at, message: `${short(uuid)} g${generation} was destroyed with files of ${lost.length} runs` },
    ]
  })
}

/** Marks of all earlier runs on this host since it was last made from its image. */
function listEarlier(history: Parts, event: EngineEvent, index: number): string[] {
  const root = rootOf(history, event, event.generation)
  return history.engine
    .slice(0, index)
    .filter(
      (other) =>
        other.action === 'start' &&
        other.hostUuid === event.hostUuid &&
        other.uuid === event.uuid &&
        other.generation >= root &&
        other.generation <= event.generation,
    )
    .map((other) => `${other.generation} ${other.startedAt}`)
}

function rootOf({ made }: Parts, { hostUuid, uuid }: EngineEvent, generation: number): number {
  for (let at = generation; ;) {
    const found = made.find(
      (each) => each.hostUuid === hostUuid && each.uuid === uuid && each.generation === at,
    )
    if (!found || found.baseGeneration === null) return at
    at = found.baseGeneration
  }
}

/** Its user has deleted it or had it made anew from its image; or it is nobody's. */
function isGivenUp(history: Parts, { at, uuid, generation, hostUuid }: EngineEvent): boolean {
  if (!history.end.containers.some((row) => row.uuid === uuid)) return true
  const isDeleted = history.end.events.some(
    (told) => told.containerUuid === uuid && told.at <= at && told.status.startsWith('delet'),
  )
  const isRedeployed = history.done.some(
    (each) => each.uuid === uuid && each.what === 'redeploy' && each.at <= at,
  )
  const isAnew = history.made.some(
    (each) =>
      each.uuid === uuid &&
      each.at <= at &&
      each.generation > generation &&
      (each.hostUuid !== hostUuid || each.baseGeneration === null),
  )
  return isDeleted || isRedeployed || isAnew
}
