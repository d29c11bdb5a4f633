/** A condition on `information_schema.tables` of MySQL and MariaDB, which lists tables that keep their old rows as another kind. */
export const ARE_TABLES = "table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
