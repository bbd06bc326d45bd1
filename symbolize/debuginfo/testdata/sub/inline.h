static inline int inl(int v)
{
	int k = v + 1;
	return k * k;
}
