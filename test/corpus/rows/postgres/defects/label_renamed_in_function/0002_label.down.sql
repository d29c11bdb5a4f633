alter type status rename value 'pending' to 'open';
