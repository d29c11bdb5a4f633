-- migrate: no-transaction
call fill_slugs();
