import { escapeText } from './escape.ts'

/** "data → /data (read-only)" */
export const describeMount = ({
  name,
  mount_path: path,
  read_only: readOnly,
}: {
  readonly name: string
  readonly mount_path: string
  readonly read_only: boolean
}): string => `${escapeText(name)} → ${escapeText(path)}${readOnly ? ' (read-only)' : ''}`
