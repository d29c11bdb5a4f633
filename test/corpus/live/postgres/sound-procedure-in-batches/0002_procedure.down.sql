drop procedure fill_slugs;
