import { api, type CreateContainer } from '@gpulab/contract'
import type { ContainerVerb } from './control-plane.ts'
import { gpuTypes, type Operation, type PlanSize } from './plan.ts'
import type { Random } from './random.ts'
import { images, missingImage, pulledImage } from './world/host.ts'
import { programKinds } from './world/programs.ts'

const gib = 2 ** 30

/** Users do several things with a container in a row, some of them faster than hosts follow. */
export function planRequests(random: Random, { activeMs, requests }: PlanSize, hosts: number): Operation[] {
  const marks: string[] = []
  const operations: Operation[] = []
  const deploy = (at: number, changes: Partial<CreateContainer> = {}): string => {
    const mark = `d${marks.length}`
    marks.push(mark)
    const program = random.chance(0.4) ? 'server' : random.pick(programKinds)
    operations.push({
      at,
      do: 'deploy',
      mark,
      program,
      input: { ...planContainer(random, mark), ...changes },
    })
    return mark
  }
  const beginnings = Array.from({ length: requests }, () => random.int(500, activeMs - 500))
  for (const begin of beginnings.toSorted((a, b) => a - b)) {
    if (operations.length >= requests) break
    if (random.chance(0.06)) {
      const verb = random.pick(['cordon', 'uncordon', 'uncordon', 'drain', 'fence'] as const)
      operations.push({ at: begin, do: 'operate', verb, host: random.int(0, hosts - 1) })
      continue
    }
    let at = begin
    const isNew = marks.length < 4 || random.chance(0.5)
    const mark = isNew ? deploy(at) : random.pick(marks.slice(-6))
    const verbs = random.pick(isNew ? habits.anew : habits.known)
    for (const verb of verbs) {
      at += toGap(random)
      if (at >= activeMs) break
      // Somebody else wants the very cards that have become free.
      if (verb === 'rival')
        deploy(at, { gpu_types: [...gpuTypes], gpu_count: random.int(1, 3), queue: random.chance(0.5) })
      else operations.push({ at, do: 'ask', verb, mark })
    }
  }
  return operations
}

type Habit = readonly (ContainerVerb | 'rival')[]
const habits: Readonly<Record<'anew' | 'known', readonly Habit[]>> = {
  anew: [
    [],
    [],
    ['stop'],
    ['stop', 'start'],
    ['remove'],
    ['stop', 'rival', 'start'],
    ['restart', 'stop'],
    ['rival'],
  ],
  known: [
    ['start'],
    ['stop', 'start'],
    ['start', 'stop'],
    ['stop', 'rival', 'start'],
    ['stop', 'rival', 'start', 'stop', 'start'],
    ['start', 'stop', 'start'],
    ['restart', 'stop', 'redeploy'],
    ['redeploy'],
    ['stop', 'redeploy'],
    ['redeploy', 'stop', 'start'],
    ['remove'],
    ['stop', 'remove', 'rival'],
  ],
}

/** As likely between 30 and 60 milliseconds as between 15 and 30 seconds. */
const toGap = (random: Random): number => Math.round(30 * 1000 ** random.next())

function planContainer(random: Random, mark: string): CreateContainer {
  const wantsGpu = random.chance(0.85)
  const some = random.chance(0.6) ? [random.pick(gpuTypes)] : [...gpuTypes].filter(() => random.chance(0.7))
  const wanted = some.length > 0 ? some : [gpuTypes[0]]
  const isNamed = random.chance(0.4)
  const policy = random.pick(['no', 'no', 'on-failure', 'unless-stopped'] as const)
  return api.containers.create.body.parse({
    ...(isNamed && {
      name: `name-${random.int(0, 3)}`,
      if_exists: random.pick(['fail', 'adopt', 'replace', 'replace']),
    }),
    image: random.chance(0.05) ? missingImage : random.pick([...images, ...images, pulledImage]),
    command: ['run', mark],
    ...(wantsGpu && {
      gpu_types: wanted,
      gpu_count: random.pick([1, 1, 1, 2, 3]),
    }),
    queue: random.chance(0.4),
    memory_bytes: random.pick([1, 2, 8, 20]) * gib,
    restart: {
      policy,
      max_retries: policy === 'on-failure' && random.chance(0.6) ? random.int(1, 3) : null,
    },
  })
}
