alter type status rename value 'open' to 'pending';
