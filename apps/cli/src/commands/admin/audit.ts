import { boolean, integer, string } from '@oclif/core/flags'
import { exportAudit, listAudit } from '../../admin/audit.ts'
import { resolveTeam, resolveUser } from '../../admin/kinds.ts'
import { BaseCommand } from '../../base-command.ts'
import { parseMoment } from '../../output/moment.ts'

export default class Audit extends BaseCommand {
  static override description =
    'Who asked for what: every call that changes something, every command and session. Secrets are masked.'
  static override examples = [
    'gpulab admin audit --user eve@example.com --since 2d',
    'gpulab admin audit --action "containers.*" --object 3f2a9c1e-…',
    'gpulab admin audit --export --since 2026-03-01 > audit.ndjson',
  ]
  static override flags = {
    team: string({ summary: 'Only of this team.', helpValue: 'TEAM' }),
    user: string({ summary: 'Only of this user.', helpValue: 'USER' }),
    key: string({ summary: 'Only with this API key.', helpValue: 'ID' }),
    action: string({ summary: 'Only this action; "containers.*" is all of them.', helpValue: 'ACTION' }),
    object: string({ summary: 'Only on the object of this uuid, id or name.', helpValue: 'ID' }),
    since: string({ summary: 'From this time on.', helpValue: 'TIME' }),
    until: string({ summary: 'Until this time.', helpValue: 'TIME' }),
    limit: integer({ summary: 'How many at most.', helpValue: 'N', default: 50, min: 1, max: 100_000 }),
    export: boolean({ summary: 'All, the oldest first, as NDJSON.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Audit)
    const context = await this.apiContext(flags)
    const { team, user, key, action, object, since, until } = flags
    const filter = {
      ...(team !== undefined && { team: (await resolveTeam(context, team)).uuid }),
      ...(user !== undefined && { user: (await resolveUser(context, user)).uuid }),
      ...(key !== undefined && { key }),
      ...(action !== undefined && { action }),
      ...(object !== undefined && { object }),
      ...(since !== undefined && { from: parseMoment(since) }),
      ...(until !== undefined && { to: parseMoment(until) }),
    }
    await (flags.export
      ? exportAudit(context, { filter })
      : listAudit(context, { filter, limit: flags.limit }))
  }
}
