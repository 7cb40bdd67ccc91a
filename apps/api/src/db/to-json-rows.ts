/**
 * Rows for `jsonb_to_recordset`: one statement to prepare, however many there are. The statement says `::text::jsonb`, or
 * the driver would make JSON of the text once more. Halves of surrogate pairs, which PostgreSQL would refuse, are replaced.
 */
export const toJsonRows = (rows: readonly object[]): string =>
  JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value))
