/** Bun has it at hand; Node takes longer to load its global than its module. */
export const randomUuid = (): string =>
  process.versions['bun'] ? crypto.randomUUID() : process.getBuiltinModule('node:crypto').randomUUID()
