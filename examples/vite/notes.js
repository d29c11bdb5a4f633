/** Every column there is: the page shows what the migrations say. */
const rows = await (await fetch('/api/notes')).json()
const columns = Object.keys(rows[0] ?? {})
const line = (cell, values) => {
  const row = document.createElement('tr')
  for (const value of values) row.appendChild(document.createElement(cell)).textContent = String(value ?? '')
  return row
}
const table = document.querySelector('#notes')
table.append(line('th', columns))
for (const row of rows) {
  table.append(
    line(
      'td',
      columns.map((column) => row[column]),
    ),
  )
}
