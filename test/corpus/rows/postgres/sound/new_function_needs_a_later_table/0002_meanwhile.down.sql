drop function audit_count;
