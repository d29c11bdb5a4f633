update users set phone = null where phone !~ '^\+?[0-9 ]+$';
