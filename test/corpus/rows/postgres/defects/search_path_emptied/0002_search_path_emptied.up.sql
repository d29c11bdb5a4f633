alter function log_customer() set search_path = '';
