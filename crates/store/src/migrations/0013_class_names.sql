-- Version 13. The names of a dataset's classes, from label 0, as a JSON list; empty where they are not known.
ALTER TABLE datasets ADD COLUMN class_names TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(class_names));

-- Those of the published datasets, and of the digits that the program draws.
UPDATE datasets SET class_names = '["0","1","2","3","4","5","6","7","8","9"]'
WHERE dataset IN ('mnist', 'emnist-digits', 'strokes');
UPDATE datasets SET class_names = '["T-shirt/top","trouser","pullover","dress","coat","sandal","shirt","sneaker","bag","ankle boot"]'
WHERE dataset = 'fashion-mnist';
UPDATE datasets SET class_names = '["o","ki","su","tsu","na","ha","ma","ya","re","wo"]'
WHERE dataset = 'kmnist';
UPDATE datasets SET class_names = '["A","B","C","D","E","F","G","H","I","J","K","L","M","N","O","P","Q","R","S","T","U","V","W","X","Y","Z"]'
WHERE dataset = 'emnist-letters';
UPDATE datasets SET class_names = '["0","1","2","3","4","5","6","7","8","9","A","B","C","D","E","F","G","H","I","J","K","L","M","N","O","P","Q","R","S","T","U","V","W","X","Y","Z","a","b","d","e","f","g","h","n","q","r","t"]'
WHERE dataset = 'emnist-balanced';
UPDATE datasets SET class_names = '["airplane","automobile","bird","cat","deer","dog","frog","horse","ship","truck"]'
WHERE dataset = 'cifar10';
