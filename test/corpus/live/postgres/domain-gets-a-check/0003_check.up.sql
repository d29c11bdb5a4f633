alter domain postcode add constraint not_empty check (value <> '');
