/** Returns the shell command that opens a database, password included, since the user pastes it into a shell. */
export function openLine(url: string): string {
  if (/^postgres/.test(url)) return `psql ${quoted(url)}`
  const { hostname, port, username, password, pathname } = new URL(url)
  const place = [`--host=${hostname}`, `--port=${port || '3306'}`, `--user=${decodeURIComponent(username) || 'root'}`]
  const words = ['mysql', ...place, decodeURIComponent(pathname.slice(1))].map(quoted).join(' ')
  // The password goes into the environment, since every user can list the arguments of a process.
  return password ? `MYSQL_PWD=${quoted(decodeURIComponent(password))} ${words}` : words
}

// --- internal ---

function quoted(word: string): string {
  return /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
