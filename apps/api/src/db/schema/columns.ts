import { customType, timestamp } from 'drizzle-orm/pg-core'

export const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

/** A moment; with the milliseconds that a JavaScript Date can hold. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })
