import { API_VERSION, KIND } from '../../operator/api/names.ts'
import type { ReleaseObject, Table } from '../cluster/releases.ts'
import { nameOf } from '../cluster/releases.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { warn, type Io } from '../io.ts'
import { cellText, formatOf, objectText, tableText, withoutManagedFields } from '../print.ts'
import { openSession, type Session, type SessionFlags } from '../session.ts'

export type GetFlags = SessionFlags & {
  output?: string
  selector?: string
  allNamespaces?: boolean
  showManagedFields?: boolean
}

/** Releases as `kubectl get` shows them. */
export async function get(names: readonly string[], flags: GetFlags, io: Io): Promise<ExitCode> {
  const format = formatOf(flags.output, ['json', 'yaml', 'wide', 'name'])
  if (names.length > 0 && flags.allNamespaces)
    throw new CliError('a release cannot be named with --all-namespaces: say where it is with --namespace')
  if (names.length > 0 && flags.selector !== undefined)
    throw new CliError('releases cannot be both named and selected: leave out the names, or --selector')
  const session = openSession(flags, io)
  const namespace = flags.allNamespaces ? undefined : session.namespace
  if (format === undefined || format === 'wide') {
    const tables = await tablesOf(session, names, { namespace, selector: flags.selector })
    return printTables(tables, { isWide: format === 'wide', isOfAll: flags.allNamespaces === true }, io)
  }
  const items = await itemsOf(session, names, { namespace, selector: flags.selector })
  if (format === 'name') {
    for (const { metadata } of items) io.stdout.write(`modelrelease.modelrelease.io/${metadata.name}\n`)
    return EXIT.done
  }
  const shown = items.map((one) => (flags.showManagedFields ? one : withoutManagedFields(one)))
  const [only] = shown
  const list = { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: shown }
  io.stdout.write(objectText(names.length === 1 ? only : list, format))
  return EXIT.done
}

type Where = { namespace: string | undefined; selector: string | undefined }

async function tablesOf(
  { releases, namespace }: Session,
  names: readonly string[],
  where: Where,
): Promise<Table[]> {
  if (names.length === 0) return [await releases.table(where.namespace, where.selector)]
  return Promise.all(names.map((name) => releases.tableOf({ namespace, name: nameOf(name) })))
}

async function itemsOf(
  { releases, namespace }: Session,
  names: readonly string[],
  where: Where,
): Promise<ReleaseObject[]> {
  if (names.length > 0)
    return Promise.all(names.map((name) => releases.get({ namespace, name: nameOf(name) })))
  const { items } = await releases.list(where.namespace, where.selector)
  // Items of a list come without what they are.
  return items.map((item) => ({ ...item, apiVersion: API_VERSION, kind: KIND }))
}

function printTables(
  tables: readonly Table[],
  { isWide, isOfAll }: { isWide: boolean; isOfAll: boolean },
  io: Io,
): ExitCode {
  const columns = (tables[0]?.columnDefinitions ?? [])
    .map(({ name, priority }, index) => ({ name, priority, index }))
    .filter(({ priority }) => isWide || priority === 0)
  const rows = tables.flatMap((table) => table.rows)
  if (rows.length === 0) {
    warn(io, 'No resources found.')
    return EXIT.done
  }
  const heads = columns.map(({ name }) => name.toUpperCase())
  const cells = rows.map(({ cells: all, object }) => [
    ...(isOfAll ? [object.metadata.namespace] : []),
    ...columns.map(({ index }) => cellText(all[index])),
  ])
  io.stdout.write(tableText([[...(isOfAll ? ['NAMESPACE'] : []), ...heads], ...cells]))
  return EXIT.done
}
