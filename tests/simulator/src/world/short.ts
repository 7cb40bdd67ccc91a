/** Enough of a uuid to tell a few apart. */
export const short = (uuid: string): string => uuid.slice(0, 6)
