alter function log_customer() reset search_path;
