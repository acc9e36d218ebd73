"""The texts that example prompts are made of."""

TASKS = (
    "Tell a joke about {subject}. {manner}",
    "Write a short poem about {subject}. {manner}",
    "Explain {subject} to a curious ten-year-old. {manner}",
    "Write the opening of a detective story in which {subject} plays a part. {manner}",
    "Give three good reasons to care about {subject}. {manner}",
    "Invent a slogan for a museum of {subject}. {manner}",
    "Describe {subject} to someone who has never heard of it. {manner}",
    "Write a postcard home about {subject}. {manner}",
)

SUBJECTS = (
    "the last bus of the night",
    "lighthouses",
    "a bakery at four in the morning",
    "the smell of rain",
    "octopuses",
    "left-handed scissors",
    "chess clocks",
    "a robot that is afraid of stairs",
    "the history of the umbrella",
    "jazz in a railway station",
    "prime numbers",
    "a cat named Señor Ñandú",
    "crème brûlée",
    "smörgåsbord etiquette",
    "Saturn's rings",
    "a lost mitten 🧤",
    "the first day of spring 🌱",
    "batch processing",
    "a very patient gardener",
    "tides",
    "the letter æ",
    "mechanical watches",
    "a parliament of owls 🦉",
    "coffee in Kraków ☕",
)

MANNERS = (
    "Use at most fifty words.",
    "Use no word of more than two syllables.",
    "End with a question.",
    "Be dry and understated.",
    "Let it sound like a weather report.",
    "Add a suitable emoji at the end.",
    "Answer in French.",
    "Make every sentence shorter than the one before.",
)

CHINESE_TASKS = (
    "请讲一个关于{subject}的笑话。{manner}",
    "以{subject}为题写一首小诗。{manner}",
    "用简单的话解释一下{subject}。{manner}",
    "请为{subject}写一段广告词。{manner}",
)

CHINESE_SUBJECTS = (
    "夜班地铁",
    "外婆的厨房",
    "迷路的快递机器人",
    "西湖的雨天",
    "围棋",
    "第一场雪 ❄️",
    "会说话的闹钟",
    "老城区的豆浆铺",
    "二十四节气",
    "一只怕高的猫 🐱",
)

CHINESE_MANNERS = (
    "不超过五十个字。",
    "请用轻松的语气。",
    "最后请附上一个表情符号。",
    "请用英文再写一遍。",
)

SUMMARISE = "Summarise the following text in one sentence."

DOCUMENTS = (
    "A lighthouse is a slow machine for saying one thing. Its lens gathers the light of a lamp "
    "that is no stronger than the headlights of a car and bends it into a beam that sailors see "
    "twenty miles away. Each light has its own rhythm, printed on the charts: two flashes and a "
    "pause, one long, three short. A crew that has lost its way counts the seconds, opens the "
    "book, and knows again which rock it must not meet.",
    "Bread needs flour, water, salt, yeast and, above all, time. In the first hour the dough "
    "takes up water and becomes smooth. In the second the yeast begins to feed, and the gas it "
    "gives off is caught in a net of gluten. A baker who cannot wait adds more yeast and gets a "
    "loaf that rises fast and tastes of little; a baker who leaves the dough in a cool place "
    "until morning gets one with a dark crust and a crumb that stays moist for days.",
    "An octopus has three hearts, blue blood, and about five hundred million nerve cells, most "
    "of them not in its head but in its arms. Each arm can taste what it touches and decide on "
    "small matters by itself. Kept in an aquarium, octopuses learn to open jars, to tell their "
    "keepers apart, and to squirt water at the lamp that annoys them. They live for two or three "
    "years, and none of them is taught anything by its parents.",
    "Before railways every town kept its own time: noon was when the sun stood highest, and it "
    "stood highest a few minutes later in each town to the west. Nobody minded until trains had "
    "to meet on a single track. The companies then carried the capital's time along the line "
    "with travelling clocks, later by telegraph, and for some decades station clocks had two "
    "minute hands, one for the town and one for the train.",
    "Tides follow the moon, but not closely. Its pull raises the sea by about half a metre in "
    "the open ocean; the rest is made by coasts. Where a bay has just the length at which water "
    "sloshes to and fro in half a day, each tide pushes at the right moment, like someone who "
    "pushes a swing, and the water climbs by fifteen metres. A hundred kilometres further on, "
    "the same moon barely wets the stones.",
    "Queues look unfair because they remember. When work arrives at random and a server is busy "
    "for nine tenths of the time, the average customer waits nine times as long as being served "
    "takes; at ninety-nine per cent it is ninety-nine times. Work that can wait until the night, "
    "and is handed over in one piece, fills the hours in which nobody else stands in line, and "
    "so it may cost half as much.",
    "Eine Bibliothek in einer kleinen Stadt verleiht seit einigen Jahren nicht nur Bücher, "
    "sondern auch Werkzeug: Bohrmaschinen, Nähmaschinen, ein Mikroskop. Am häufigsten wird die "
    "Waffelmaschine ausgeliehen, am seltensten die Säge. Wer etwas zurückbringt, schreibt auf "
    "einen Zettel, wozu es gut war, und aus den Zetteln ist ein Buch geworden, das man natürlich "
    "auch ausleihen kann.",
    "清晨五点,豆浆铺的灯先亮起来。老板把泡了一夜的黄豆倒进石磨,慢慢推动磨盘,白色的浆水沿着石槽"
    "流进木桶。第一批客人是赶早班车的司机,他们不说话,只用手指比出碗数。等到天完全亮了,学生们背"
    "着书包跑进来,店里才有了笑声。老板说,同样的豆子,水多一分则淡,火急一分则苦,做了三十年,每天还"
    "是要尝第一口。",
    "二十四节气是古人观察太阳与农事的结果。立春并不意味着温暖,而是提醒人们开始准备;小满时麦粒刚"
    "刚饱满,却还没有成熟;大寒是一年中最冷的日子,但白天已经在悄悄变长。今天的城市居民也许不再种"
    "地,却仍会在冬至吃饺子或汤圆,用味道记住太阳又走完了一圈。",
    "東京の小さな時計店では、主人が毎朝すべての時計を見て回る。電池で動くものは正確だが、彼はぜ"
    "んまいの時計を好む。一日に数秒遅れるのは、まるで人のようだと言う。修理を待つ時計には、それ"
    "ぞれ持ち主の短い手紙が添えられている。",
)
