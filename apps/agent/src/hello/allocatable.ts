interface Machine {
  readonly cpus: number
  readonly memoryBytes: number
}

/** What the operator has set. */
interface Limits {
  /** The machine's own less a reserve when undefined. */
  readonly memoryBytes: number | undefined
  readonly overcommit: number
}

const gibibyte = 1024 ** 3
const reserveShare = 1 / 32

/** What may be promised to containers; the rest is for the machine itself, its engine and the agent. */
export function toAllocatable(machine: Machine, { memoryBytes, overcommit }: Limits): Machine {
  const reserve = Math.min(Math.max(machine.memoryBytes * reserveShare, gibibyte), machine.memoryBytes / 2)
  const memory = memoryBytes ?? machine.memoryBytes - reserve
  return { cpus: machine.cpus * overcommit, memoryBytes: Math.floor(memory * overcommit) }
}
