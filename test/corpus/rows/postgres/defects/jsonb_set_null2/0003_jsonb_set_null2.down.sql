update users set settings = settings - 'phone';
