create fulltext index nicknames on customers (nickname);
