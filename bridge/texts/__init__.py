"""The words that become public: the language of templates, what may stand in them, how long they get."""
