"""What buyers of the demo say, by how many stars they give."""

Sentences = tuple[str, ...]
# By stars: how a review begins, and what it may add.
ENGLISH: dict[int, tuple[Sentences, Sentences]] = {
    5: (
        (
            "Exactly what I hoped for.",
            "Even nicer than on the pictures.",
            "I would buy it again without thinking.",
            "A present for my sister, and she has not put it down since.",
            "Best thing I have ordered this year.",
            "We use it every single day.",
        ),
        (
            "Came two days early, packed like an egg.",
            "The finish is clean and nothing rattles.",
            "It feels heavier and better made than the price suggests.",
            "The colour is true to the photo.",
            "Already ordered a second one for the office.",
            "My neighbour asked where I got it.",
            "",
        ),
    ),
    4: (
        (
            "Very good, with one small flaw.",
            "Does what it says.",
            "Happy with it after two weeks.",
            "Solid, and it looks good on the shelf.",
            "Nearly perfect for us.",
        ),
        (
            "One star less because the box was dented.",
            "A little smaller than I imagined; measure first.",
            "The instructions could be clearer.",
            "It smelled new for a day, then that was gone.",
            "I wish there were more colours.",
            "",
        ),
    ),
    3: (
        (
            "It is all right.",
            "Fine for the price, no more than that.",
            "Mixed feelings about this one.",
            "Neither good nor bad.",
        ),
        (
            "The material feels thinner than on the photo.",
            "I expected a little more weight.",
            "It works, but I would look around before buying another.",
            "Delivery was quick, the product is average.",
        ),
    ),
    2: (
        (
            "Not what I expected.",
            "I wanted to like it.",
            "Disappointed, to be honest.",
        ),
        (
            "A scratch was there from the start.",
            "After a week one edge came loose.",
            "The colour is duller than on the screen.",
        ),
    ),
    1: (
        (
            "Sent it back.",
            "It did not survive the first week.",
            "Please check parcels.",
        ),
        (
            "Support was kind, the thing itself was not good.",
            "Mine arrived with a crack.",
            "Too small to be of any use to me.",
        ),
    ),
}
KOREAN: dict[int, Sentences] = {
    5: (
        "사진보다 실물이 훨씬 예뻐요. 포장도 꼼꼼했습니다.",
        "매일 쓰고 있어요. 재구매 의사 있습니다!",
        "선물용으로 샀는데 어머니가 정말 좋아하세요.",
        "배송도 빠르고 마감이 깔끔해서 만족합니다.",
    ),
    4: (
        "전체적으로 만족하지만 상자가 조금 찌그러져 왔어요.",
        "생각보다 조금 작지만 쓰기에는 편합니다.",
        "가격 대비 괜찮아요. 색상이 더 많으면 좋겠어요.",
    ),
    3: ("그냥 무난해요. 기대가 컸나 봅니다.", "나쁘지 않은데 재질이 조금 얇아요."),
    2: ("화면 색이랑 차이가 좀 있네요. 아쉽습니다.",),
    1: ("받자마자 흠집이 있어서 반품했습니다.",),
}
RUSSIAN: dict[int, Sentences] = {
    5: (
        "Отличная вещь, вживую ещё лучше, чем на фото.",
        "Доставили быстро, упаковано надёжно. Рекомендую!",
        "Пользуемся каждый день, очень довольны.",
    ),
    4: (
        "Хорошее качество, но коробка пришла помятой.",
        "Чуть меньше, чем ожидал, в остальном всё отлично.",
    ),
    3: ("Нормально за свои деньги, не более.",),
    2: ("Цвет отличается от картинки, немного разочарован.",),
    1: ("Пришло с царапиной, оформил возврат.",),
}
REPLIES: dict[int, Sentences] = {
    5: (
        "Thank you, this made our morning!",
        "Wonderful to hear. Enjoy it!",
    ),
    4: ("Thank you! We have told the packers about the boxes.",),
    3: ("Thank you for being frank. We pass it on to the maker.",),
    2: ("We are sorry. Please start a return from your order, we pay for it.",),
    1: ("We are sorry. A replacement or your money back, whichever you prefer.",),
}
REJECTED = (
    ("Where is my parcel? The courier has not rung at my door!", "About the delivery"),
    ("Cheaper at my cousin's stall, ask me for the address.", "Advertising"),
)
